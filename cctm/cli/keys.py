r"""The prefix key: Ctrl+B, then a letter is a command; Ctrl+B twice passes it on to the program.

    state     what comes                                   goes to            next
    TYPING    the prefix                                   nobody             PREFIXED
    TYPING    CSI 200 ~ (a paste begins)                   the program        PASTING
    TYPING    anything else                                the program        TYPING
    PASTING   CSI 201 ~ (the paste ends)                   the program        TYPING
    PASTING   anything else, the prefix too                the program        PASTING
    PREFIXED  the prefix                                   the program        TYPING
    PREFIXED  a key: a letter of COMMANDS, a digit         us, as a command   TYPING
    PREFIXED  any other key, whole: arrows, F5, é, ESC     us, as UNKNOWN     TYPING
    PREFIXED  CSI 200 ~                                    UNKNOWN, program   PASTING
    PREFIXED  mouse, focus, an answer, a modifier alone    the program        PREFIXED
    any       repeat or release of a key that went to us   nobody             as before

The prefix comes as the byte 02, as CSI 98 ; 5 u (kitty's keyboard protocol) or as CSI 27 ; 5 ; 98 ~ (xterm's
modifyOtherKeys); so do letters. ESC 02 is Alt+Ctrl+B: the program's.

Invariants: the result does not depend on the pieces in which keys come, unless `flush` is called between them.
What is held back is the beginning of one key; of a paste, nothing is. What goes to the program is unchanged.
"""

import re
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

MAX_PARAMETERS: Final = 64
MAX_STRING: Final = 4096
MAX_OURS: Final = 64


class Command(Enum):
    """What a key after the prefix asks for."""

    DETACH = "d"
    NEW = "c"
    NEXT = "n"
    PREVIOUS = "p"
    LAST = "l"
    LIST = "w"
    RENAME = ","
    KILL = "x"
    RECORD = "["
    CLIENTS = "i"
    SHARE = "S"
    PRIVATE = "P"
    CONTROL = "r"
    HELP = "?"
    UNKNOWN = ""


@dataclass(frozen=True, slots=True)
class Jump:
    """To the terminal that has this number for a name."""

    number: int


Part = bytes | Command | Jump

COMMANDS: Final[dict[str, Command | Jump]] = {
    **{command.value: command for command in Command if command.value},
    **{str(number): Jump(number) for number in range(10)},
}

_PREFIX_BYTE: Final = b"\x02"
_PREFIX_CODES: Final = frozenset({ord("b"), ord("B")})
_SHIFT: Final = 1
_CONTROL: Final = 4
_LOCKS: Final = 64 | 128  # caps lock and num lock say nothing about what is meant
_SLASH: Final = ord("/")
_MODIFIER_KEYS: Final = frozenset({57358, 57359, 57360, *range(57441, 57455)})
_PASTE_BEGINS: Final = b"\x1b[200~"
_PASTE_ENDS: Final = b"\x1b[201~"

_NUMBERS: Final = rb"[0-9:;]{0,%d}" % MAX_PARAMETERS
# While typing, all that can concern us. Everything between two matches is the program's.
_CONCERNS: Final = re.compile(rb"\x1b?\x02|\x1b\[(%s)([A-Za-z~])" % _NUMBERS)
_MAY_CONCERN: Final = re.compile(rb"\x1b(?:\[%s)?\Z" % _NUMBERS)
# After the prefix: one whole key, or what a terminal says by itself.
_STRING: Final = rb"[^\x07\x1b\x18\x1a]{0,%d}" % MAX_STRING
_CSI: Final = rb"\x1b\x1b?\[(?!M)[0-?]{0,%d}[ -/]{0,4}" % MAX_PARAMETERS
_LETTER: Final = (
    rb"(?:[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
    rb"|[\xc2-\xf4][\x80-\xbf]{0,2}(?=[^\x80-\xbf])|[^\x1b\xc2-\xf4])"
)
_KEY: Final = re.compile(
    rb"\x1b\x1b?\[M.{3}|%b[@-~]|\x1b\x1b?O[0-9;]{0,8}[@-~]|\x1b[\]P_^X]%b(?:\x07|\x1b\\)|\x1b(?![\[O\]P_^X])%b|%b"
    % (_CSI, _STRING, _LETTER, _LETTER),
    re.DOTALL,
)
_KEY_BEGINS: Final = re.compile(
    rb"(?:\x1b\x1b?|\x1b\x1b?\[M.{0,2}|%b|\x1b\x1b?O[0-9;]{0,8}|\x1b[\]P_^X]%b\x1b?"
    rb"|\x1b?[\xc2-\xf4][\x80-\xbf]{0,2})\Z" % (_CSI, _STRING),
    re.DOTALL,
)
_NUMBERED: Final = re.compile(rb"\x1b\[(%s)([A-Za-z~])" % _NUMBERS)
# Mouse, focus, answers to questions, strings: nobody pressed a key.
_NO_KEY: Final = re.compile(rb"\x1b\[(?:[<M?>]|[IO]\Z|[0-9;]*[ -/])|\x1b[\]P_^X].")


class _State(Enum):
    TYPING = auto()
    PASTING = auto()
    PREFIXED = auto()


class _Phase(Enum):
    PRESS = auto()
    AFTERWARDS = auto()  # repeat, release


@dataclass(frozen=True, slots=True)
class _Key:
    """A key in one of the two numbered forms. *code*: the character, or 0 for keys that have none."""

    code: int
    modifiers: int
    phase: _Phase
    identity: tuple[int, bytes]  # of the key on the keyboard, whatever is held with it

    @property
    def is_prefix(self) -> bool:
        return self.code in _PREFIX_CODES and self.modifiers == _CONTROL

    @property
    def letter(self) -> str:
        """The character that it types."""
        if self.modifiers & ~_SHIFT or not 0 < self.code < 0x110000:
            return ""
        if self.modifiers & _SHIFT and self.code == _SLASH:
            return "?"  # where the terminal does not say what Shift makes of the key
        return chr(self.code).upper() if self.modifiers & _SHIFT else chr(self.code)


def _key_of(match: re.Match[bytes]) -> _Key:
    """CSI code:shifted:base ; modifiers:event ; text u, CSI 27 ; modifiers ; code ~, CSI 1 ; modifiers:event A."""
    numbers = [[int(part or b"0") for part in group.split(b":")] for group in match[1].split(b";")]
    final = match[2]
    held = numbers[1][0] if len(numbers) > 1 else 1
    modifiers = max(0, held - 1) & ~_LOCKS
    event = numbers[1][1] if len(numbers) > 1 and len(numbers[1]) > 1 else 1
    phase = _Phase.PRESS if event <= 1 else _Phase.AFTERWARDS
    first = numbers[0][0]
    if final == b"~" and first == 27 and len(numbers) == 3:
        return _Key(numbers[2][0], modifiers, phase, (numbers[2][0], b"~"))
    if final != b"u":
        return _Key(0, modifiers, phase, (first, final))
    if len(numbers) > 2 and numbers[2][0]:
        return _Key(numbers[2][0], modifiers & ~_SHIFT, phase, (first, final))
    code, shifted, base, *_ = [*numbers[0], 0, 0]
    if modifiers & _SHIFT and shifted:
        return _Key(shifted, modifiers & ~_SHIFT, phase, (code, final))
    meant = base if base and code > 127 else code  # the same key where letters are not Latin
    return _Key(meant, modifiers, phase, (code, final))


@dataclass(slots=True)
class PrefixKeys:
    """Tells keys for the program from commands for us, whatever pieces they arrive in."""

    _state: _State = _State.TYPING
    _held: bytes = b""
    _pasted: bytes = b""  # the last bytes of a paste, which went to the program: its end may have begun
    _ours: set[tuple[int, bytes]] = field(default_factory=set)  # keys whose press went to us

    @property
    def holds(self) -> bool:
        """Whether something is held back: `flush` it, unless more comes soon."""
        return self._held != b""

    def receive(self, data: bytes) -> list[Part]:
        """Split *data* into what goes to the program and commands, in order."""
        data = self._held + data
        self._held = b""
        found: list[Part] = []
        at = 0
        while at < len(data):
            match self._state:
                case _State.TYPING:
                    at = self._type(data, at, found)
                case _State.PASTING:
                    at = self._paste(data, at, found)
                case _State.PREFIXED:
                    at = self._command(data, at, found)
        return found

    def flush(self) -> list[Part]:
        """Nothing more came: what was held back is keys as they stand."""
        held, self._held = self._held, b""
        if not held:
            return []
        if self._state is _State.PREFIXED:
            self._state = _State.TYPING
            return [Command.UNKNOWN]
        return [held]

    def _type(self, data: bytes, at: int, found: list[Part]) -> int:
        start = at
        for match in _CONCERNS.finditer(data, at):
            if match[0] == _PREFIX_BYTE:
                self._state = _State.PREFIXED
            elif match[0] == _PASTE_BEGINS:
                self._state = _State.PASTING
            elif match[1] is None or not self._is_ours(_key_of(match)):
                continue
            end = match.end() if self._state is _State.PASTING else match.start()
            _add(found, data[start:end])
            start = match.end()
            if self._state is not _State.TYPING:
                return start
        held = _MAY_CONCERN.search(data, max(start, len(data) - MAX_PARAMETERS - 2))
        end = len(data) if held is None else held.start()
        self._held = data[end:]
        _add(found, data[start:end])
        return len(data)

    def _is_ours(self, key: _Key) -> bool:
        if key.phase is _Phase.AFTERWARDS:
            return key.identity in self._ours
        if key.is_prefix:
            self._take_key(key)
            self._state = _State.PREFIXED
            return True
        self._ours.discard(key.identity)
        return False

    def _paste(self, data: bytes, at: int, found: list[Part]) -> int:
        end = len(data)
        seen = self._pasted + data[at:]
        marker = seen.find(_PASTE_ENDS)
        if marker >= 0:
            self._state = _State.TYPING
            end = at + marker + len(_PASTE_ENDS) - len(self._pasted)
            self._pasted = b""
        else:
            self._pasted = seen[1 - len(_PASTE_ENDS) :]
        _add(found, data[at:end])
        return end

    def _command(self, data: bytes, at: int, found: list[Part]) -> int:
        match = _KEY.match(data, at)
        if match is None:
            if _KEY_BEGINS.match(data, at):
                self._held = data[at:]
                return len(data)
            # No terminal sends this. The ESC was the key, and what follows is not ours to judge.
            self._state = _State.TYPING
            found.append(Command.UNKNOWN)
            return at + 1
        raw = match[0]
        numbered = _NUMBERED.fullmatch(raw)
        key = None if numbered is None else _key_of(numbered)
        if raw == _PASTE_BEGINS:
            self._state = _State.PASTING
            found.append(Command.UNKNOWN)
            _add(found, raw)
        elif key is not None and key.phase is _Phase.AFTERWARDS:
            if key.identity not in self._ours:
                _add(found, raw)
        elif _NO_KEY.match(raw) or (key is not None and key.identity[0] in _MODIFIER_KEYS):
            _add(found, raw)
        elif raw == _PREFIX_BYTE or (key is not None and key.is_prefix):
            self._state = _State.TYPING
            if key is not None:
                self._ours.discard(key.identity)
            _add(found, raw)
        else:
            self._state = _State.TYPING
            if key is not None:
                self._take_key(key)
            letter = raw.decode("utf-8", "replace") if key is None else key.letter
            found.append(COMMANDS.get(letter, Command.UNKNOWN))
        return match.end()

    def _take_key(self, key: _Key) -> None:
        if len(self._ours) >= MAX_OURS:
            self._ours.clear()
        self._ours.add(key.identity)


def _add(found: list[Part], data: bytes) -> None:
    if data:
        found.append(data)
