"""cctm.cli.pages.prompt: what is typed or answered in the last row."""

from cctm.cli.pages.effects import Closed, Kill, Rename
from cctm.cli.pages.prompt import Question, RenamePrompt, kill_question
from cctm.cli.pages.together import Here
from cctm.screen.fold import Fold
from cctm.screen.picture import text_of
from pages_parts import press, shown


def test_a_name_is_typed():
    page = RenamePrompt("old")
    assert shown(page)[-1] == " Rename to: old"
    assert press(page, "backspace", "clear", "n", "é", "left", "w", " ", "enter") == Rename("néw")
    assert press(RenamePrompt("old"), "enter") == Closed()
    assert press(RenamePrompt("old"), "clear", "enter") == Closed()
    assert press(RenamePrompt("old"), "x", "escape") == Closed()


def test_a_prompt_covers_the_last_row_only_and_shows_the_end_of_a_long_name():
    page = RenamePrompt("x" * 100 + "end")
    fold = Fold(40, 5)
    fold.feed(b"kept" + page.draw(40, 5))
    picture = fold.picture()
    assert text_of(picture.lines[0]) == "kept"
    assert text_of(picture.lines[4]).rstrip().endswith("xend")
    assert picture.cursor.row == 4


def test_only_yes_ends_a_terminal():
    assert press(kill_question("work"), "x", "y") == Kill()
    for key in ("n", "escape", "enter", "q"):
        assert press(kill_question("work"), key) == Closed()


def test_no_goes_where_the_question_came_from():
    assert press(Question("Remove ana?", Kill(), Here(2)), "n") == Here(2)
