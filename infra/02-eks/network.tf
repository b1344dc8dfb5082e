locals {
  # Three large private subnets, three for load balancers, three for databases: of 10.0.0.0/16
  # 10.0.{0,32,64}.0/19, 10.0.{96,100,104}.0/22 and 10.0.{108,109,110}.0/24.
  cidrs             = cidrsubnets(var.vpc_cidr, 3, 3, 3, 6, 6, 6, 8, 8, 8)
  private_subnets   = zipmap(var.zones, slice(local.cidrs, 0, 3))
  public_subnets    = zipmap(var.zones, slice(local.cidrs, 3, 6))
  database_subnets  = zipmap(var.zones, slice(local.cidrs, 6, 9))
  nat_zones         = { none = [], single = [var.zones[0]], per-zone = var.zones }[var.nat]
  nat_zone_of       = { for zone in var.zones : zone => var.nat == "per-zone" ? zone : var.zones[0] }
  network_name      = var.cluster_name
  zones_that_egress = var.nat == "none" ? [] : var.zones
}

resource "aws_vpc" "this" {
  cidr_block           = var.vpc_cidr
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = { Name = local.network_name }
}

# What is given no security group lands here, and shall reach nothing.
resource "aws_default_security_group" "closed" {
  vpc_id = aws_vpc.this.id

  tags = { Name = "${local.network_name}-default-closed" }
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id

  tags = { Name = local.network_name }
}

# ── Public: load balancers and NAT gateways ──────────────────────────────────────────────────────

resource "aws_subnet" "public" {
  for_each = local.public_subnets

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value

  tags = {
    Name                     = "${local.network_name}-public-${each.key}"
    Tier                     = "public"
    "kubernetes.io/role/elb" = "1"
  }
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id

  tags = { Name = "${local.network_name}-public" }
}

resource "aws_route" "public_internet" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this.id
}

resource "aws_route_table_association" "public" {
  for_each = aws_subnet.public

  subnet_id      = each.value.id
  route_table_id = aws_route_table.public.id
}

resource "aws_eip" "nat" {
  #checkov:skip=CKV2_AWS_19:These addresses belong to NAT gateways, not to machines.
  for_each = toset(local.nat_zones)

  domain = "vpc"

  tags = { Name = "${local.network_name}-nat-${each.key}" }

  depends_on = [aws_internet_gateway.this]
}

resource "aws_nat_gateway" "this" {
  for_each = aws_eip.nat

  allocation_id = each.value.allocation_id
  subnet_id     = aws_subnet.public[each.key].id

  tags = { Name = "${local.network_name}-${each.key}" }

  depends_on = [aws_internet_gateway.this]
}

# ── Private: nodes, pods, and the cluster's own interfaces ───────────────────────────────────────

resource "aws_subnet" "private" {
  for_each = local.private_subnets

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value

  tags = {
    Name                              = "${local.network_name}-private-${each.key}"
    Tier                              = "private"
    "kubernetes.io/role/internal-elb" = "1"
  }
}

# A table per zone whatever `nat` is: to change it later changes routes only.
resource "aws_route_table" "private" {
  for_each = aws_subnet.private

  vpc_id = aws_vpc.this.id

  tags = { Name = "${local.network_name}-private-${each.key}" }
}

resource "aws_route" "private_nat" {
  for_each = toset(local.zones_that_egress)

  route_table_id         = aws_route_table.private[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[local.nat_zone_of[each.key]].id
}

resource "aws_route_table_association" "private" {
  for_each = aws_subnet.private

  subnet_id      = each.value.id
  route_table_id = aws_route_table.private[each.key].id
}

# ── Database: no way out ─────────────────────────────────────────────────────────────────────────

resource "aws_subnet" "database" {
  for_each = local.database_subnets

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value

  # infra/03-database finds them by Tier.
  tags = {
    Name = "${local.network_name}-database-${each.key}"
    Tier = "database"
  }
}

resource "aws_route_table" "database" {
  vpc_id = aws_vpc.this.id

  tags = { Name = "${local.network_name}-database" }
}

resource "aws_route_table_association" "database" {
  for_each = aws_subnet.database

  subnet_id      = each.value.id
  route_table_id = aws_route_table.database.id
}
