from typing import Protocol

from harka.cache.tenant import TenantCache
from harka.config import Settings
from harka.crypto.keyring import Keyring
from harka.files.store import FileStore
from harka.pubsub import PubSub
from harka.storage.catalog import Catalog
from harka.storage.databases import Databases


class Services(Protocol):
    """What onboarding needs of `harka.runtime.Runtime`, which lives on a floor above."""

    @property
    def settings(self) -> Settings: ...
    @property
    def databases(self) -> Databases: ...
    @property
    def catalog(self) -> Catalog: ...
    @property
    def cache(self) -> TenantCache: ...
    @property
    def pubsub(self) -> PubSub: ...
    @property
    def keyring(self) -> Keyring: ...
    @property
    def files(self) -> FileStore: ...
