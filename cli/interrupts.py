"""Ctrl-C outside of a command, while modules are loaded or the interpreter ends."""

import signal


def end_at_once() -> None:
    """From now on Ctrl-C ends the process by the signal and without a traceback, unless it is
    ignored, as in a background job."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def raise_interrupts() -> bool:
    """From now on Ctrl-C raises KeyboardInterrupt again. Returns whether this changed anything."""
    ended = signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    if ended:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return ended
