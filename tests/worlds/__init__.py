"""What is right in the worlds of generated people, measured by training many points of each."""
