"""A private PostgreSQL and Valkey as child processes: no system service, no container, root or not.

`directory` (where the data are, who may use them) → `process` (children that cannot be orphaned) →
`postgres`, `valkey` (their programs) → `servers` (both together) → `prepare` (roles and migrations) →
`attach` (which servers a command talks to).
"""
