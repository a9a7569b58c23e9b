"""Exception groups: what happened, one by one."""

from collections.abc import Iterator


def each(error: BaseException) -> Iterator[BaseException]:
    """All that happened at once; of what is no group, itself."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from each(inner)
    else:
        yield error


def first(error: BaseException) -> BaseException:
    """Whatever of it was met first."""
    return next(each(error))
