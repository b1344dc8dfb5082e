# dev, and what else `compute` and `nat` can be. No account is needed: the provider is mocked.
#
#   terraform test -filter=tests/dev.tftest.hcl -var-file=dev.tfvars      in the workspace dev

mock_provider "aws" {
  mock_data "aws_eks_cluster_versions" {
    defaults = {
      cluster_versions = [{ cluster_version = "1.36" }]
    }
  }
}

run "dev" {
  command = plan

  assert {
    condition     = aws_eks_cluster.this.name == "shop-dev" && !aws_eks_cluster.this.deletion_protection
    error_message = "The cluster is shop-dev, and may be deleted."
  }

  assert {
    condition     = aws_eks_cluster.this.access_config[0].authentication_mode == "API" && !aws_eks_cluster.this.access_config[0].bootstrap_cluster_creator_admin_permissions
    error_message = "Only access entries let somebody in."
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 1 && length(aws_route.private_nat) == 3
    error_message = "One NAT gateway serves all three zones."
  }

  assert {
    condition     = length(aws_vpc_endpoint.interface) == 0
    error_message = "dev pays for no interface endpoints."
  }
}

run "auto_mode" {
  command = plan

  assert {
    condition = alltrue([
      aws_eks_cluster.this.compute_config[0].enabled,
      aws_eks_cluster.this.kubernetes_network_config[0].elastic_load_balancing[0].enabled,
      aws_eks_cluster.this.storage_config[0].block_storage[0].enabled,
    ])
    error_message = "AWS wants all three of Auto Mode's switches on together."
  }

  assert {
    condition     = length(aws_iam_role_policy_attachment.cluster) == 5 && length(aws_iam_role_policy_attachment.node) == 2
    error_message = "Auto Mode needs five policies for the cluster and two for its nodes."
  }

  assert {
    condition     = keys(aws_eks_addon.after_nodes) == ["metrics-server"] && length(aws_eks_addon.before_nodes) == 0
    error_message = "Auto Mode has everything built in but the metrics server."
  }

  assert {
    condition     = length(aws_eks_node_group.this) + length(aws_eks_fargate_profile.this) + length(aws_iam_role.load_balancer_controller) == 0
    error_message = "Auto Mode has no node group, no Fargate profiles and its own load balancer controller."
  }
}

run "fargate" {
  command = plan

  variables {
    compute = "fargate"
  }

  assert {
    condition     = keys(aws_eks_fargate_profile.this) == ["kube-system", "shop", "slipway"]
    error_message = "Each namespace with pods needs a profile."
  }

  assert {
    condition = !anytrue([
      aws_eks_cluster.this.compute_config[0].enabled,
      aws_eks_cluster.this.kubernetes_network_config[0].elastic_load_balancing[0].enabled,
      aws_eks_cluster.this.storage_config[0].block_storage[0].enabled,
    ])
    error_message = "Auto Mode must be switched off, not left out."
  }

  assert {
    condition     = aws_eks_addon.after_nodes["coredns"].configuration_values == jsonencode({ computeType = "Fargate" })
    error_message = "CoreDNS has to be told that there are no nodes."
  }

  assert {
    condition     = length(aws_eks_pod_identity_association.load_balancer_controller) == 0 && length(aws_iam_role.node) == 0
    error_message = "Fargate has no Pod Identity and no nodes."
  }
}

run "managed_nodes" {
  command = plan

  variables {
    compute = "managed-nodes"
  }

  assert {
    condition     = keys(aws_eks_addon.before_nodes) == ["eks-pod-identity-agent", "kube-proxy", "vpc-cni"]
    error_message = "A node is ready only with these."
  }

  assert {
    condition     = aws_eks_addon.before_nodes["vpc-cni"].configuration_values == jsonencode({ enableNetworkPolicy = "true" })
    error_message = "NetworkPolicies must be enforced."
  }

  assert {
    condition = alltrue([for role in concat(values(aws_iam_role.addon), aws_iam_role.node, aws_iam_role.load_balancer_controller, [aws_iam_role.cluster, aws_iam_role.flow_logs]) :
      role.permissions_boundary == "arn:aws:iam::111111111111:policy/slipway-boundary"
    ])
    error_message = "Slipway may change only roles with its boundary."
  }

  assert {
    condition     = keys(aws_eks_addon.after_nodes) == ["aws-ebs-csi-driver", "coredns", "metrics-server"]
    error_message = "Disks, DNS and metrics."
  }

  assert {
    condition     = aws_launch_template.node[0].metadata_options[0].http_tokens == "required" && aws_launch_template.node[0].metadata_options[0].http_put_response_hop_limit == 1
    error_message = "Pods must not reach their node's role."
  }

  assert {
    condition     = length(aws_eks_pod_identity_association.load_balancer_controller) == 1
    error_message = "The load balancer controller gets its role by Pod Identity."
  }
}

run "no_nat" {
  command = plan

  variables {
    nat = "none"
  }

  assert {
    condition     = length(aws_nat_gateway.this) + length(aws_route.private_nat) + length(aws_eip.nat) == 0
    error_message = "There is no way out."
  }

  expect_failures = [check.images]
}

run "refuses_unknown_compute" {
  command = plan

  variables {
    compute = "spot"
  }

  expect_failures = [var.compute]
}

run "refuses_public_endpoint_for_nobody" {
  command = plan

  variables {
    public_access_cidrs = []
  }

  expect_failures = [var.public_access_cidrs]
}

run "refuses_values_of_another_environment" {
  command = plan

  variables {
    environment = "prod"
  }

  expect_failures = [var.environment]
}

run "warns_of_an_old_version" {
  command = plan

  variables {
    kubernetes_version = "1.29"
  }

  expect_failures = [check.kubernetes_version]
}
