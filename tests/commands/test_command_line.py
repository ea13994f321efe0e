"""What is read from a command line before a parser sees it."""

from vireid.commands.command_line import configures, option, with_ckpt_path, with_flag


def test_a_checkpoint_by_its_short_name() -> None:
    assert with_ckpt_path(["test", "--ckpt", "a", "--ckpt=b", "--ckpts=c"]) == ["test", "--ckpt_path", "a", "--ckpt_path=b", "--ckpts=c"]


def test_the_last_value_of_an_option_in_either_form() -> None:
    words = ["test", "--a", "1", "--a=2=3", "--b", "--a"]
    assert option(words, "--a") == "2=3"
    assert option(words, "--b") == "--a"
    assert option(words, "--c") is None


def test_what_describes_a_model() -> None:
    assert configures(["test", "--model.seed=1"])
    assert configures(["test", "-c", "a.yaml"])
    assert not configures(["test", "--ckpt_path", "a", "--data.root", "b"])


def test_a_flag_needs_no_true() -> None:
    assert with_flag([], "--fast") == []
    assert with_flag(["--fast"], "--fast") == ["--fast=true"]
    assert with_flag(["show", "--cost", "x.json"], "--cost") == ["show", "--cost=true", "x.json"]
    for words in (["--fast", "true"], ["--fast", "false"], ["--fast=false"], ["--faster"]):
        assert with_flag(words, "--fast") == words
