"""What the host's grants brought: the secrets of epochs, and who we are to it.

Learnt ─► secrets ─► the disk, once for all that came together
       └► roles ─► ours, whether by our own key or by the link's
"""

from collections.abc import Mapping, Sequence

from cctm.cctmd.services import Services
from cctm.protocol.access import Role
from cctm.protocol.keys import ChannelId, DeviceKeys, EpochSecret, KeyId, WriterId
from cctm.protocol.sync.follower import Learnt
from cctm.protocol.sync.keyring import MOST_SECRETS


class Granted:
    """In one channel, by all grants together; of roles, by the newest."""

    def __init__(
        self,
        channel: ChannelId,
        own: DeviceKeys,
        by_link: DeviceKeys,
        secrets: Sequence[EpochSecret],
        services: Services,
    ) -> None:
        """
        Args:
            own: as whom we come once the host knows us.
            by_link: as whom we come before.
            secrets: of the channel's epochs, as far as they were learnt.
        """
        self.secrets: dict[KeyId, EpochSecret] = {secret.key_id: secret for secret in secrets}
        self.is_named = False  # by our own key, in the newest grant
        self._channel = channel
        self._own = own
        self._by_link = by_link
        self._services = services
        self._roles: Mapping[WriterId, Role] = {}
        self._fresh: list[EpochSecret] = []  # secrets that are not on their way to the disk yet

    @property
    def is_any(self) -> bool:
        """Whether a grant opened since this daemon began."""
        return bool(self._roles)

    @property
    def own_role(self) -> Role:
        """That of our own key."""
        return self._role_of(self._own)

    @property
    def role(self) -> Role:
        """What we may do, by whichever key."""
        return max(self._role_of(self._own), self._role_of(self._by_link))

    def learn(self, learnt: Learnt) -> None:
        for secret in learnt.secrets:
            if len(self.secrets) < MOST_SECRETS:
                self.secrets[secret.key_id] = secret
                self._fresh.append(secret)
        self._roles = learnt.table.roles
        self.is_named = self._own.box_public in learnt.enrolled

    def store(self) -> None:
        """Have the disk have the secrets that came since."""
        fresh, self._fresh = self._fresh, []
        catalogue = self._services.catalogue

        def put() -> None:
            with catalogue.transaction():
                for secret in fresh:
                    catalogue.put_epoch(self._channel, secret)

        if fresh:
            self._services.storage.run_aside(put)

    def _role_of(self, keys: DeviceKeys) -> Role:
        return self._roles.get(WriterId(keys.sign_public), Role.VIEWER)
