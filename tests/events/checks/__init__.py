"""The checks, in groups: what takes long runs beside the rest."""

from . import access, breaks, examples, quiet, schema, servers, sockets, streams

FILES = [breaks, quiet, examples, streams, sockets, access, servers, schema]
GROUPS = [file.GROUP for file in FILES]
