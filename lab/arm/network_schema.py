"""Properties of Microsoft.Network resources, API version 2025-09-01.

Source: Microsoft's template reference. What the lab gives no meaning to is ANY.
"""

from lab.arm.schema import ANY, FLAG, ID, NUMBER, TEXT, Shape, named

ALLOCATION = ("Static", "Dynamic")
FAMILY = ("IPv4", "IPv6")
SKU: Shape = {"name": TEXT, "tier": ("Regional", "Global")}

RULE: Shape = {
    "access": ("Allow", "Deny"),
    "description": TEXT,
    "destinationAddressPrefix": TEXT,
    "destinationAddressPrefixes": [TEXT],
    "destinationApplicationSecurityGroups": ANY,
    "destinationPortRange": TEXT,
    "destinationPortRanges": [TEXT],
    "direction": ("Inbound", "Outbound"),
    "priority": NUMBER,
    "protocol": ("*", "Ah", "Esp", "Icmp", "Tcp", "Udp"),
    "sourceAddressPrefix": TEXT,
    "sourceAddressPrefixes": [TEXT],
    "sourceApplicationSecurityGroups": ANY,
    "sourcePortRange": TEXT,
    "sourcePortRanges": [TEXT],
}
SECURITY_GROUP: Shape = {"flushConnection": FLAG, "securityRules": [named(RULE)]}

SUBNET: Shape = {
    "addressPrefix": TEXT,
    "addressPrefixes": [TEXT],
    "defaultOutboundAccess": FLAG,
    "delegations": ANY,
    "ipAllocations": ANY,
    "ipamPoolPrefixAllocations": ANY,
    "natGateway": ID,
    "networkSecurityGroup": ID,
    "privateEndpointNetworkPolicies": (
        "Disabled", "Enabled", "NetworkSecurityGroupEnabled", "RouteTableEnabled",
    ),
    "privateLinkServiceNetworkPolicies": ("Disabled", "Enabled"),
    "routeTable": ANY,
    "serviceEndpointPolicies": ANY,
    "serviceEndpoints": ANY,
    "serviceGateway": ANY,
    "sharingScope": ANY,
}  # fmt: skip
NETWORK: Shape = {
    "addressSpace": {"addressPrefixes": [TEXT], "ipamPoolPrefixAllocations": ANY},
    "bgpCommunities": ANY,
    "ddosProtectionPlan": ANY,
    "dhcpOptions": {"dnsServers": [TEXT]},
    "enableDdosProtection": FLAG,
    "enableVmProtection": FLAG,
    "encryption": ANY,
    "flowTimeoutInMinutes": NUMBER,
    "ipAllocations": ANY,
    "privateEndpointVNetPolicies": ("Basic", "Disabled"),
    "subnets": [named(SUBNET)],
    "virtualNetworkPeerings": ANY,
}

PUBLIC_ADDRESS: Shape = {
    "ddosSettings": ANY,
    "deleteOption": ("Delete", "Detach"),
    "dnsSettings": ANY,
    "idleTimeoutInMinutes": NUMBER,
    "ipTags": ANY,
    "publicIPAddressVersion": FAMILY,
    "publicIPAllocationMethod": ALLOCATION,
    "publicIPPrefix": ANY,
}
NAT_GATEWAY: Shape = {
    "idleTimeoutInMinutes": NUMBER,
    "nat64": ANY,
    "publicIpAddresses": [ID],
    "publicIpAddressesV6": ANY,
    "publicIpPrefixes": ANY,
    "publicIpPrefixesV6": ANY,
    "serviceGateway": ANY,
    "sourceVirtualNetwork": ANY,
}

BALANCING_RULE: Shape = {
    "backendAddressPool": ID,
    "backendAddressPools": [ID],
    "backendPort": NUMBER,
    "disableOutboundSnat": FLAG,
    "enableConnectionTracking": FLAG,
    "enableFloatingIP": FLAG,
    "enableTcpReset": FLAG,
    "frontendIPConfiguration": ID,
    "frontendPort": NUMBER,
    "idleTimeoutInMinutes": NUMBER,
    "loadDistribution": ("Default", "SourceIP", "SourceIPProtocol"),
    "probe": ID,
    "protocol": ("All", "Tcp", "Udp", "Quic"),
}
PROBE: Shape = {
    "intervalInSeconds": NUMBER,
    "noHealthyBackendsBehavior": ("AllProbedDown", "AllProbedUp"),
    "numberOfProbes": NUMBER,
    "port": NUMBER,
    "probeThreshold": NUMBER,
    "protocol": ("Http", "Https", "Tcp"),
    "requestPath": TEXT,
}
FRONTEND: Shape = {
    "gatewayLoadBalancer": ANY,
    "privateIPAddress": TEXT,
    "privateIPAddressVersion": FAMILY,
    "privateIPAllocationMethod": ALLOCATION,
    "publicIPAddress": ID,
    "publicIPPrefix": ANY,
    "subnet": ID,
}
BALANCER: Shape = {
    "backendAddressPools": [named(ANY)],
    "frontendIPConfigurations": [named(FRONTEND, zones=[TEXT])],
    "inboundNatPools": ANY,
    "inboundNatRules": ANY,
    "loadBalancingRules": [named(BALANCING_RULE)],
    "outboundRules": ANY,
    "probes": [named(PROBE)],
    "scope": ANY,
}

CONFIGURATION: Shape = {
    "applicationGatewayBackendAddressPools": ANY,
    "applicationSecurityGroups": ANY,
    "gatewayLoadBalancer": ANY,
    "loadBalancerBackendAddressPools": [ID],
    "loadBalancerInboundNatRules": ANY,
    "primary": FLAG,
    "privateIPAddress": TEXT,
    "privateIPAddressPrefixLength": NUMBER,
    "privateIPAddressVersion": FAMILY,
    "privateIPAllocationMethod": ALLOCATION,
    "publicIPAddress": {"id": TEXT, "properties": {"deleteOption": ("Delete", "Detach")}},
    "subnet": ID,
    "virtualNetworkTaps": ANY,
}
INTERFACE: Shape = {
    "auxiliaryMode": ANY,
    "auxiliarySku": ANY,
    "disableTcpStateTracking": FLAG,
    "dnsSettings": {"dnsServers": [TEXT], "internalDnsNameLabel": TEXT},
    "enableAcceleratedNetworking": FLAG,
    "enableIPForwarding": FLAG,
    "ipConfigurations": [named(CONFIGURATION)],
    "networkSecurityGroup": ID,
    "nicType": ("Standard", "Elastic"),
    "workloadType": TEXT,
}
