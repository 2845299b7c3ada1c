"""Everything a process opens once, in one frozen struct that is passed on explicitly."""

import msgspec

from harka.analytics.requests import Requests
from harka.auth.breach import Breaches
from harka.auth.hashing import Hasher
from harka.auth.key_rate import KeyRates
from harka.auth.key_usage import KeyUsage
from harka.auth.ldap import Directories
from harka.auth.oidc import Providers
from harka.auth.principal import Authenticator
from harka.auth.saml import Assertions
from harka.auth.session_usage import SessionUsage
from harka.cache.tenant import TenantCache
from harka.cache.throttle import Throttle
from harka.config import Settings
from harka.crypto.keyring import Keyring
from harka.files.store import FileStore
from harka.files.typeset import Typesetter
from harka.ids import NodeIds
from harka.learning.entrance import Entrance
from harka.learning.outside import Outside
from harka.mail.mailer import Mailer
from harka.metrics import Metrics
from harka.pubsub import PubSub
from harka.storage.catalog import Catalog
from harka.storage.databases import Databases
from harka.tenancy.bodies import Bodies
from harka.tenancy.directory import Directory
from harka.tenancy.dns import Dns
from harka.tenancy.gate import Gate
from harka.tenancy.quota import Admission


class Runtime(msgspec.Struct, frozen=True, kw_only=True):
    """Made by `app.open_runtime`; whoever holds it may use every part until that context ends."""

    settings: Settings
    databases: Databases
    catalog: Catalog
    dns: Dns
    directory: Directory
    authenticator: Authenticator
    key_usage: KeyUsage
    key_rates: KeyRates
    scim_usage: KeyUsage
    session_usage: SessionUsage
    hasher: Hasher
    breaches: Breaches = msgspec.field(default_factory=Breaches)
    throttle: Throttle
    requests: Requests
    cache: TenantCache
    pubsub: PubSub
    keyring: Keyring
    node_ids: NodeIds
    files: FileStore
    typesetter: Typesetter
    mailer: Mailer
    admission: Admission
    gate: Gate
    bodies: Bodies
    metrics: Metrics
    providers: Providers = msgspec.field(default_factory=Providers)
    directories: Directories
    assertions: Assertions

    @property
    def entrance(self) -> Entrance:
        """For who signs in."""
        return Entrance(
            databases=self.databases,
            cache=self.cache,
            pubsub=self.pubsub,
            keyring=self.keyring,
            hasher=self.hasher,
            throttle=self.throttle,
            providers=self.providers,
            directories=self.directories,
            assertions=self.assertions,
            outside=self.outside,
        )

    @property
    def outside(self) -> Outside:
        """For units of work."""
        settings, refused = self.settings, self.admission.refused
        return Outside(self.catalog, self.dns, settings.platform_domain, settings.outbound_private, refused)
