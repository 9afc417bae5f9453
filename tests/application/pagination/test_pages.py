import pytest

from cleanarch_kit.application import CursorPage, CursorRequest, Page, PageRequest, Slice
from cleanarch_kit.errors import InvalidCursorError, InvalidPageError


def test_a_request_has_defaults_and_an_offset() -> None:
    assert (PageRequest().page, PageRequest().per_page, PageRequest().offset) == (1, 20, 0)
    assert PageRequest(page=3, per_page=50).offset == 100
    assert CursorRequest() == CursorRequest(size=20, after=None, before=None)


@pytest.mark.parametrize(
    "value", [0, -1, 10**30, 2**63, True, "1", "1_000", "１２", 1.0, float("nan"), None, b"1", [1]]
)
def test_a_page_out_of_bounds_names_its_field(value: int) -> None:
    with pytest.raises(InvalidPageError) as page:
        PageRequest(page=value)
    assert str(page.value) == "page must be a whole number from 1 to 10000000"
    with pytest.raises(InvalidPageError) as per_page:
        PageRequest(per_page=value)
    assert (per_page.value.field, per_page.value.rule) == ("per_page", "must be a whole number from 1 to 100")
    with pytest.raises(InvalidPageError) as size:
        CursorRequest(size=value)
    assert size.value.field == "size"


@pytest.mark.parametrize(("page", "per_page"), [(1, 1), (10_000_000, 100)])
def test_the_bounds_themselves_are_allowed(page: int, per_page: int) -> None:
    assert PageRequest(page, per_page).offset == (page - 1) * per_page
    with pytest.raises(InvalidPageError):
        PageRequest(page, per_page + 100)


def test_a_subclass_sets_other_bounds() -> None:
    class ExportPage(PageRequest):
        max_per_page = 5_000

    assert ExportPage(per_page=5_000).per_page == 5_000
    with pytest.raises(InvalidPageError, match="from 1 to 5000"):
        ExportPage(per_page=5_001)


def test_a_cursor_is_text_and_there_is_one() -> None:
    with pytest.raises(InvalidCursorError, match="only one of after and before"):
        CursorRequest(after="a", before="b")
    not_text: str = b"a"  # type: ignore[assignment] # pyright: ignore[reportAssignmentType]
    with pytest.raises(InvalidCursorError, match="must be text"):
        CursorRequest(after=not_text)
    with pytest.raises(InvalidCursorError, match="must be text"):
        CursorRequest(before=not_text)


@pytest.mark.parametrize(
    ("total", "page", "pages", "has_next", "has_previous"),
    [
        (0, 1, 0, False, False),
        (1, 1, 1, False, False),
        (10, 1, 1, False, False),
        (11, 1, 2, True, False),
        (11, 2, 2, False, True),
        (25, 2, 3, True, True),
        (25, 9, 3, False, True),
    ],
)
def test_a_page_knows_its_neighbours(total: int, page: int, pages: int, has_next: bool, has_previous: bool) -> None:
    shown: Page[int] = Page((), total, page, 10)
    assert (shown.pages, shown.has_next, shown.has_previous) == (pages, has_next, has_previous)


def test_every_page_maps_its_items() -> None:
    assert Page((1, 2), 7, 1, 2).map(str) == Page(("1", "2"), 7, 1, 2)
    assert Slice((1, 2), 1, 2, True).map(str) == Slice(("1", "2"), 1, 2, True)
    assert CursorPage((1, 2), "n", "p").map(str) == CursorPage(("1", "2"), "n", "p")
    assert not Slice((1,), 1, 2, False).has_previous
    assert Slice((1,), 2, 2, False).has_previous
