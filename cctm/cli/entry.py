"""Where the command begins, before anything is imported that takes time.

Until `main` can turn it into words, Ctrl+C ends the process as it ends one that knows nothing of signals. This is said
here, not in a function: what is imported before this line is Python's own.
"""

import signal

if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # a shell's background job is not interrupted
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from cctm.cli.streams import mend_standard_streams


def main() -> None:
    """Run the command."""
    mend_standard_streams()
    from cctm.cli.main import main as run

    run()
