"""cctm.cctmd.frames: of those who are to be painted, none keeps another from it."""

import trio

from cctm.cctmd.frames import UNSHOWN_TEXT, Frames


async def test_frames_paint_whoever_is_still_there():
    class One:
        def __init__(self):
            self.frames = 0
            self.painted = trio.Event()

        def frame(self):
            self.frames += 1
            self.painted.set()

    frames = Frames()
    stays, leaves = One(), One()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(frames.run)
        frames.soon(stays, trio.current_time() + 0.01)
        frames.soon(stays, trio.current_time() + 1000)
        frames.soon(leaves, trio.current_time())
        frames.never(leaves)
        with trio.fail_after(5):
            await stays.painted.wait()
        nursery.cancel_scope.cancel()
    assert (stays.frames, leaves.frames) == (1, 0)


async def test_a_client_that_cannot_be_painted_keeps_no_other_from_it():
    class Broken:
        released = ""

        def frame(self):
            raise ZeroDivisionError

        def release(self, why):
            self.released = why

    class Sound:
        def __init__(self):
            self.painted = trio.Event()

        def frame(self):
            self.painted.set()

    frames = Frames()
    broken, sound = Broken(), Sound()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(frames.run)
        frames.soon(broken, trio.current_time())
        frames.soon(sound, trio.current_time() + 0.01)
        with trio.fail_after(5):
            await sound.painted.wait()
        nursery.cancel_scope.cancel()
    assert broken.released == UNSHOWN_TEXT
