# Nothing lets in the whole internet by itself: what is public stands behind a load balancer, which
# the cluster makes and this plan does not.
package main

import rego.v1

import data.plans

everybody := {"0.0.0.0/0", "::/0"}

# Rules inside a security group.
deny_open_ingress contains msg if {
	some resource in plans.made
	resource.type in {"aws_security_group", "aws_default_security_group"}
	some rule in resource.change.after.ingress
	some name in ["cidr_blocks", "ipv6_cidr_blocks"]
	is_array(rule[name])
	some cidr in rule[name]
	cidr in everybody
	msg := sprintf("%s lets in %s", [resource.address, cidr])
}

# Rules of their own.
deny_open_ingress contains msg if {
	some resource in plans.made
	resource.type == "aws_vpc_security_group_ingress_rule"
	some name in ["cidr_ipv4", "cidr_ipv6"]
	cidr := resource.change.after[name]
	cidr in everybody
	msg := sprintf("%s lets in %s", [resource.address, cidr])
}

deny_open_ingress contains msg if {
	some resource in plans.made
	resource.type == "aws_security_group_rule"
	resource.change.after.type == "ingress"
	some name in ["cidr_blocks", "ipv6_cidr_blocks"]
	some cidr in resource.change.after[name]
	cidr in everybody
	msg := sprintf("%s lets in %s", [resource.address, cidr])
}

# The API server of a cluster.
deny_open_ingress contains msg if {
	some resource in plans.made
	resource.type == "aws_eks_cluster"
	some config in resource.change.after.vpc_config
	config.endpoint_public_access
	some cidr in config.public_access_cidrs
	cidr in everybody
	msg := sprintf("the API server of %s is open to %s", [resource.address, cidr])
}
