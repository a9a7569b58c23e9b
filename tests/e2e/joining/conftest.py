import pytest

from relay_process import RelayProcess


@pytest.fixture(scope="module")
def relay(tmp_path_factory):
    with RelayProcess(tmp_path_factory.mktemp("relay")) as process:
        yield process
