"""A screen that goes on: which events may be shown, and when it has to begin anew (SPEC.md §3.2, §16.4).

    LOST ──keyframe with a screen, opened──► SHOWN ──┐ output that continues what was shown
      ▲                                        │ └───┘ keyframes that say what is shown already: nothing
      └── a hole, an entry that cannot be read ┘

**Invariants**

- Between two `Shown`, output is without a hole, and each byte of it comes once; what came first wins.
- While it is lost nothing is told of output and sizes: what they belong to is not on the screen.
- About 4 MiB are remembered to compare repeated output with: the keeper never repeats more.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from cctm.protocol.events import Event, Gap, Keyframe, Opened, Output, Resized
from cctm.protocol.keys import StreamId
from cctm.protocol.sync.followed import Doubt, Shown

REMEMBERED_BYTES: Final = 4 << 20


class _Recent:
    """The end of the output. To look at a piece of it costs no more than that piece: who repeats output decides how
    often it is looked at.
    """

    def __init__(self) -> None:
        self._data = bytearray()

    def add(self, data: bytes) -> None:
        self._data += data
        if len(self._data) > REMEMBERED_BYTES:
            del self._data[:-REMEMBERED_BYTES]  # which moves nothing

    def __len__(self) -> int:
        return len(self._data)

    def read(self, begin: int, end: int) -> bytes:
        return bytes(self._data[begin:end])


class Continuity:
    """Of one channel, over all its logs."""

    def __init__(self) -> None:
        self.is_shown = False
        self._stream: StreamId | None = None
        self._end: int | None = 0  # of the output that was shown; None: anywhere
        self._recent = _Recent()  # what ends at `_end`

    def lose(self) -> None:
        """Something is lacking: nothing is shown before the next screen."""
        self.is_shown = False

    def follow(self, event: Event) -> Iterator[Event | Shown | Doubt]:
        """What to tell because of *event*."""
        match event:
            case Output():
                yield from self._output(event)
            case Keyframe():
                yield from self._keyframe(event)
            case Opened():
                yield from self._opened(event)
            case Gap():
                yield from self._gap(event)
            case Resized() if not self.is_shown:
                return
            case _:
                yield event

    def _keyframe(self, keyframe: Keyframe) -> Iterator[Shown | Doubt]:
        goes_on = keyframe.stream in {None, self._stream}
        if self.is_shown and goes_on and (self._end is None or keyframe.offset <= self._end):
            return
        if keyframe.screen is not None:
            self._begin(keyframe.stream, keyframe.offset)
            yield Shown(keyframe)
        elif self.is_shown:
            self.lose()
            yield Doubt.HOLE

    def _opened(self, opened: Opened) -> Iterator[Event | Shown]:
        if not self.is_shown or opened.stream != self._stream:
            self._begin(opened.stream, 0)
            size = (opened.cols, opened.rows, opened.name, opened.wall_us)
            yield Shown(Keyframe(opened.dt_us, opened.stream, 0, *size, b"", b"", (), None))
        yield opened

    def _begin(self, stream: StreamId | None, end: int) -> None:
        self.is_shown = True
        self._stream = stream if stream is not None else self._stream
        self._jump(end)

    def _jump(self, end: int | None) -> None:
        self._end = end
        self._recent = _Recent()

    def _output(self, output: Output) -> Iterator[Event | Doubt]:
        if not self.is_shown:
            return
        if self._end is None:
            self._end = output.offset
        if output.offset == self._end:
            yield self._remember(output)
        elif output.offset > self._end:
            self.lose()
            yield Doubt.HOLE
        else:
            yield from self._overlap(output, self._end - output.offset)

    def _overlap(self, output: Output, known: int) -> Iterator[Event | Doubt]:
        """*output* begins *known* bytes before the end of what was shown."""
        if self._differs(output, known):
            yield Doubt.CONFLICT
        if known < len(output.data):
            yield self._remember(replace(output, offset=output.offset + known, data=output.data[known:]))

    def _differs(self, output: Output, known: int) -> bool:
        """Whether what is remembered at the place of *output* is something else."""
        begin = len(self._recent) - known  # of *output* in it; negative: longer ago than is remembered
        here = self._recent.read(max(0, begin), max(0, begin + len(output.data)))
        skipped = max(0, -begin)
        return here != output.data[skipped : skipped + len(here)]

    def _remember(self, output: Output) -> Output:
        self._end = output.offset + len(output.data)
        self._recent.add(output.data)
        return output

    def _gap(self, gap: Gap) -> Iterator[Event | Doubt]:
        if not self.is_shown:
            return
        if self._end is not None and gap.offset > self._end:
            self.lose()
            yield Doubt.HOLE
        elif gap.length is None or self._end is None or gap.offset + gap.length > self._end:
            self._jump(None if gap.length is None else gap.offset + gap.length)
            yield gap
