# The bucket is in <environment>.s3.tfbackend: `terraform init -backend-config=dev.s3.tfbackend`.
# The state of this stack is then env:/<workspace>/slipway/terraform.tfstate in it.
#
# There is no `encrypt = true`: it would ask S3 for AES256 instead of the key that is the bucket's
# own default.
terraform {
  backend "s3" {
    key          = "slipway/terraform.tfstate"
    use_lockfile = true
  }
}
