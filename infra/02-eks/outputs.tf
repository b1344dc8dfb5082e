output "cluster_name" {
  description = "The cluster's name: `cluster` of a service in deploy.toml."
  value       = aws_eks_cluster.this.name
}

output "cluster_arn" {
  description = "The cluster's ARN."
  value       = aws_eks_cluster.this.arn
}

output "cluster_endpoint" {
  description = "The address of the Kubernetes API."
  value       = aws_eks_cluster.this.endpoint
}

output "cluster_security_group_id" {
  description = "The security group that EKS gives to the control plane, the nodes and Fargate pods: what pods come from, for other groups' rules."
  value       = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
}

output "kubeconfig_command" {
  description = "Lets kubectl reach the cluster, for one of cluster_admins."
  value       = "aws eks update-kubeconfig --region ${var.region} --name ${aws_eks_cluster.this.name}"
}

output "oidc_provider_arn" {
  description = "The IAM OIDC provider that roles for service accounts (IRSA) trust."
  value       = aws_iam_openid_connect_provider.this.arn
}

output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "private_subnet_ids" {
  description = "The subnets of nodes and pods, by zone."
  value       = { for zone, subnet in aws_subnet.private : zone => subnet.id }
}

output "public_subnet_ids" {
  description = "The subnets of internet-facing load balancers, by zone."
  value       = { for zone, subnet in aws_subnet.public : zone => subnet.id }
}

output "database_subnet_ids" {
  description = "The subnets of databases, by zone: no way out of the VPC."
  value       = { for zone, subnet in aws_subnet.database : zone => subnet.id }
}

output "nat_public_ips" {
  description = "The addresses that pods come from when they call the internet. Those of prod belong into public_access_cidrs of dev: Slipway calls from there."
  value       = [for address in aws_eip.nat : address.public_ip]
}

output "load_balancer_controller_role_arn" {
  description = "The role of the AWS Load Balancer Controller; null with auto-mode, which has one built in."
  value       = local.auto ? null : aws_iam_role.load_balancer_controller[0].arn
}

output "load_balancer_controller_install" {
  description = "Installs the AWS Load Balancer Controller; null with auto-mode. Needs Helm and the chart repository https://aws.github.io/eks-charts under the name eks."
  value = local.auto ? null : join(" ", concat(
    ["helm upgrade --install aws-load-balancer-controller eks/aws-load-balancer-controller --namespace kube-system"],
    ["--set clusterName=${aws_eks_cluster.this.name} --set region=${var.region} --set vpcId=${aws_vpc.this.id}"],
    ["--set serviceAccount.name=aws-load-balancer-controller"],
    local.fargate ? ["--set 'serviceAccount.annotations.eks\\.amazonaws\\.com/role-arn=${aws_iam_role.load_balancer_controller[0].arn}'"] : [],
  ))
}
