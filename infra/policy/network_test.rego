package main_test

import rego.v1

made(type, after) := {"resource_changes": [{
	"address": sprintf("%s.this", [type]),
	"mode": "managed",
	"type": type,
	"change": {"actions": ["create"], "before": null, "after": after},
}]}

test_rule_inside_a_group if {
	data.main.deny_open_ingress == {"aws_security_group.this lets in 0.0.0.0/0"} with input as made("aws_security_group", {"ingress": [
		{"cidr_blocks": ["10.0.0.0/8", "0.0.0.0/0"], "ipv6_cidr_blocks": []},
		{"cidr_blocks": null, "ipv6_cidr_blocks": []},
	]})
}

test_rule_inside_a_group_for_ipv6 if {
	data.main.deny_open_ingress == {"aws_security_group.this lets in ::/0"} with input as made("aws_security_group", {"ingress": [{"ipv6_cidr_blocks": ["::/0"]}]})
}

test_rule_of_its_own if {
	count(data.main.deny_open_ingress) == 1 with input as made("aws_vpc_security_group_ingress_rule", {"cidr_ipv4": "0.0.0.0/0", "cidr_ipv6": null})
}

test_older_rule_of_its_own if {
	count(data.main.deny_open_ingress) == 1 with input as made("aws_security_group_rule", {"type": "ingress", "cidr_blocks": ["0.0.0.0/0"]})
}

test_way_out if {
	count(data.main.deny_open_ingress) == 0 with input as made("aws_security_group_rule", {"type": "egress", "cidr_blocks": ["0.0.0.0/0"]})
}

test_private_rule if {
	count(data.main.deny_open_ingress) == 0 with input as made("aws_vpc_security_group_ingress_rule", {"cidr_ipv4": "10.1.0.0/16"})
}

test_open_cluster if {
	count(data.main.deny_open_ingress) == 1 with input as made("aws_eks_cluster", {"vpc_config": [{"endpoint_public_access": true, "public_access_cidrs": ["0.0.0.0/0"]}]})
}

test_closed_cluster if {
	count(data.main.deny_open_ingress) == 0 with input as made("aws_eks_cluster", {"vpc_config": [{"endpoint_public_access": false, "public_access_cidrs": ["0.0.0.0/0"]}]})
}
