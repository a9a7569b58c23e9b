"""When the keeper starts a daemon."""

from cctm.keeper.supervision import FAILED_WITHIN_S, GRACE_S, Supervision

NOW = 1000.0


def test_the_first_daemon_is_started_at_once():
    supervision = Supervision(NOW)
    assert supervision.is_due(NOW)
    assert supervision.wake_at(NOW) == NOW


def test_a_daemon_that_fails_at_once_is_started_again_after_ever_longer_pauses_up_to_ten_seconds():
    supervision = Supervision(NOW)
    now = NOW
    pauses = []
    for pid in range(100, 110):
        supervision.started(pid, now)
        supervision.reaped(now)
        pauses.append(round(supervision.wake_at(now) - now, 6))
        assert not supervision.is_due(now)
        now = supervision.wake_at(now)
        assert supervision.is_due(now)
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0, 10.0]


def test_a_daemon_that_lived_for_a_while_is_started_again_at_once():
    supervision = Supervision(NOW)
    supervision.could_not_start(NOW)
    supervision.started(7, NOW)
    supervision.connection_made()
    later = NOW + FAILED_WITHIN_S
    supervision.connection_lost(7, later)
    supervision.reaped(later)
    assert supervision.is_due(later)
    assert supervision.failures == 0


def test_a_daemon_that_leaves_as_it_was_asked_to_is_followed_at_once_however_often():
    supervision = Supervision(NOW)
    supervision.could_not_start(NOW)
    for pid in range(100, 120):
        supervision.started(pid, NOW)
        supervision.connection_made()
        supervision.connection_lost(pid, NOW)
        supervision.left(NOW)
        assert supervision.is_due(NOW)
        assert supervision.failures == 0


def test_a_daemon_that_ends_well_and_was_never_there_has_failed():
    supervision = Supervision(NOW)
    supervision.started(6, NOW)
    supervision.connection_made()
    supervision.connection_lost(6, NOW)
    supervision.left(NOW)
    for pid, pause in ((7, 0.1), (8, 0.2)):
        supervision.started(pid, NOW)
        supervision.left(NOW)
        assert not supervision.is_due(NOW)
        assert supervision.wake_at(NOW) == NOW + pause


def test_none_is_started_while_one_is_connected():
    supervision = Supervision(NOW)
    supervision.connection_made()
    assert not supervision.is_due(NOW + 100)
    assert supervision.wake_at(NOW) is None


def test_none_is_started_while_our_own_lives_without_a_connection():
    supervision = Supervision(NOW)
    supervision.started(7, NOW)
    supervision.connection_made()
    supervision.connection_lost(7, NOW)
    assert not supervision.is_due(NOW + 1000)


def test_a_foreign_daemon_gets_a_grace_of_five_seconds():
    supervision = Supervision(NOW)
    supervision.connection_made()
    supervision.connection_lost(99, NOW)
    assert not supervision.is_due(NOW + GRACE_S - 0.01)
    assert supervision.wake_at(NOW) < NOW + 1
    assert supervision.is_due(NOW + GRACE_S)


def test_the_grace_ends_with_the_foreign_daemon():
    supervision = Supervision(NOW)
    supervision.connection_made()
    supervision.connection_lost(99, NOW)
    supervision.foreign_died()
    assert supervision.is_due(NOW)


def test_stop_holds_until_somebody_asks():
    supervision = Supervision(NOW)
    supervision.could_not_start(NOW)
    supervision.stop()
    assert not supervision.is_due(NOW + 100)
    assert supervision.wake_at(NOW) is None
    supervision.ask(NOW)
    assert supervision.is_due(NOW)


def test_a_connection_whose_peer_never_said_who_it_is_gets_no_grace():
    supervision = Supervision(NOW)
    supervision.connection_made()
    supervision.connection_lost(None, NOW)
    assert supervision.is_due(NOW)
