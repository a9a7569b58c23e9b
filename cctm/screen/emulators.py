"""Which emulator keeps the cells: avt, or pyte where avt has no wheel."""

from cctm.screen.emulator import Emulator

try:
    from cctm.screen.avt_emulator import AvtEmulator
except ImportError:
    from cctm.screen.pyte_emulator import PyteEmulator

    def new_emulator(cols: int, rows: int) -> Emulator:
        """An emulator of this size."""
        return PyteEmulator(cols, rows)
else:

    def new_emulator(cols: int, rows: int) -> Emulator:
        """An emulator of this size."""
        return AvtEmulator(cols, rows)
