"""What the playbooks decide with data: which overlay address each host gets, where it is reached, who may come in."""

import ipaddress
import socket


def cnvm_overlay_addresses(looks, network):
    """HOST to address. Who has one keeps it; who is made anew takes that of the member of its name; others get the next.

    looks: list of {host, name, overlay, members}, as look.sh says it, with the host's name in the inventory.
    """
    prefix = ".".join(network.split(".")[:2])
    holders = {}
    for look in looks:
        for member in look.get("members") or []:
            address = member.get("overlayAddress")
            if address and member.get("state") != "NODE_STATE_LEFT":
                holders[address] = member["name"]
    for look in looks:
        if look["overlay"]:
            holders[look["overlay"]] = look["name"]
    addresses = {}
    for look in looks:
        own = look["overlay"] or next((a for a, name in holders.items() if name == look["name"]), None)
        if own is None:
            own = next(
                (a for a in (f"{prefix}.0.{number}" for number in range(1, 255)) if a not in holders),
                None,
            )
        if own is None:
            raise ValueError(f"the overlay {network} has no address left for {look['host']}")
        holders[own] = look["name"]
        addresses[look["host"]] = own
    return addresses


def cnvm_addresses_of(hosts, hostvars):
    """HOST of the inventory to the address at which the other nodes reach it."""
    addresses = {}
    for host in hosts:
        known = hostvars[host]
        addresses[host] = str(known.get("cnvm_address") or known.get("ansible_host") or host)
    return addresses


def cnvm_endpoints_of(addresses, port):
    """HOST to ADDRESS:PORT, as the daemon's config wants it."""
    return {host: f"[{one}]:{port}" if ":" in one else f"{one}:{port}" for host, one in addresses.items()}


def cnvm_networks(wanted):
    """What a packet filter takes: addresses and networks as they are, and names as what they stand for now."""
    networks = []
    for one in wanted:
        try:
            ipaddress.ip_network(one, strict=False)
            networks.append(one)
        except ValueError:
            networks += sorted({info[4][0] for info in socket.getaddrinfo(one, None, type=socket.SOCK_STREAM)})
    return networks


class FilterModule:
    def filters(self):
        return {
            "cnvm_overlay_addresses": cnvm_overlay_addresses,
            "cnvm_addresses_of": cnvm_addresses_of,
            "cnvm_endpoints_of": cnvm_endpoints_of,
            "cnvm_networks": cnvm_networks,
        }
