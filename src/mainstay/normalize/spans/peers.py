"""Whom a client span calls: named by the span, learned from answers, or known by its address."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mainstay.normalize.entities.directory import Directory
from mainstay.normalize.entities.mapping import host_of

MAX_ADDRESSES = 20_000
_NO_NAME = re.compile(r"^(?:localhost|[\d.]+|[0-9a-fA-F:]*:[0-9a-fA-F:]*|\d+)$")
_HOSTS = ("server.address", "net.peer.name", "http.host")
_PORTS = ("server.port", "net.peer.port")
_IN_CLUSTER = re.compile(r"^(?P<service>[a-z0-9-]+)\.[a-z0-9-]+\.svc(?:\..*)?$")


def address_of(attributes: Mapping[str, str]) -> str:
    """`host:port` of the other side, by the OTel names new and old; "" when the span does not say."""
    host = next((attributes[key] for key in _HOSTS if attributes.get(key)), "")
    port = next((attributes[key] for key in _PORTS if attributes.get(key)), "")
    url = attributes.get("url.full") or attributes.get("http.url") or ""
    if not host and "://" in url:
        return url.split("://", 1)[1].split("/", 1)[0].rsplit("@", 1)[-1]
    return f"{host}:{port}" if host and port else host


class Peers:
    """Names the callee of client spans. An address is learned when a server span answers a client span to it."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory
        self._learned: dict[tuple[str, str], str] = {}

    def stated(self, attributes: Mapping[str, str], environment: str) -> str:
        """The peer that the span itself names: a database, a queue, a `peer.service`; else ""."""
        system = attributes.get("db.system.name") or attributes.get("db.system")
        if system:
            return self.directory.named_entity("database", environment, _database(system, attributes))
        queue = attributes.get("messaging.destination.name") or attributes.get("messaging.destination")
        broker = attributes.get("messaging.system")
        if queue or broker:
            return self.directory.named_entity("queue", environment, queue or broker or "")
        named = attributes.get("peer.service") or attributes.get("service.peer.name")
        return self.directory.named_entity("service", environment, named) if named else ""

    def learned(self, caller: str, address: str) -> str:
        """Who answered at this address, or at any port of this named host, before; "" when nobody did."""
        if not address:
            return ""
        found = self._learned.get((caller, address), "")
        host = host_of(address)
        return found or ("" if _NO_NAME.match(host) else self._learned.get((caller, host), ""))

    def learn(self, caller: str, address: str, callee: str) -> None:
        """Remember who answered. Of a host with a name any port will do: a stopped service leaves its port."""
        host = host_of(address)
        for place in (address, "" if _NO_NAME.match(host) else host):
            if place and (len(self._learned) < MAX_ADDRESSES or (caller, place) in self._learned):
                self._learned[caller, place] = callee

    def guessed(self, address: str, environment: str) -> str:
        """By the host's name alone: a known entity, else an outside service of that name; an address names nobody."""
        host = host_of(address)
        if not host or _NO_NAME.match(host):
            return ""
        inside = _IN_CLUSTER.match(host)
        short = inside["service"] if inside else host.split(".", 1)[0]
        known = self.directory.resolve(short, environment) or self.directory.resolve(host, environment)
        return known or self.directory.named_entity("service", environment, short if inside else host)

    def state(self) -> list[tuple[str, str, str]]:
        return [(caller, address, callee) for (caller, address), callee in self._learned.items()]

    def load(self, state: list[Any]) -> None:
        self._learned = {(caller, address): callee for caller, address, callee in state}


def _database(system: str, attributes: Mapping[str, str]) -> str:
    """A database's name: its namespace (of a file its last part), else where it listens, else its make."""
    named = attributes.get("db.namespace") or attributes.get("db.name") or ""
    named = named.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    host = host_of(address_of(attributes))
    if named and named not in ("main", "0"):  # SQLite's and Redis' names of nothing in particular
        return named
    return f"{system}@{host}" if host else system
