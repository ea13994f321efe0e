"""Objects that remember how they were made, as plain ``class_path`` / ``init_args`` data.

Checkpoints and genotypes carry this data instead of pickled objects: it can be read without running anything, and
:func:`instantiate` imports only classes of this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vireid.lazy import lazy

if TYPE_CHECKING:
    from vireid.settings.compared import class_paths as class_paths, differences as differences
    from vireid.settings.plain_values import (
        HasSettings as HasSettings,
        class_path as class_path,
        plain as plain,
        settings_of as settings_of,
    )
    from vireid.settings.rebuilding import (
        check_class_paths as check_class_paths,
        check_objects as check_objects,
        import_class as import_class,
        instantiate as instantiate,
    )
    from vireid.settings.recorded import Recorded as Recorded

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        ".compared": ["class_paths", "differences"],
        ".plain_values": ["HasSettings", "class_path", "plain", "settings_of"],
        ".rebuilding": ["check_class_paths", "check_objects", "import_class", "instantiate"],
        ".recorded": ["Recorded"],
    },
)
