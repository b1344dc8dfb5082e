output "bucket" {
  description = "The bucket of all state of this account: `bucket` in each stack's .s3.tfbackend."
  value       = aws_s3_bucket.state.id
}

output "bucket_arn" {
  description = "The bucket's ARN, for policies of roles that read or write state."
  value       = aws_s3_bucket.state.arn
}

output "key_arn" {
  description = "The key that the bucket encrypts with: whoever reads state needs kms:Decrypt for it, whoever writes it kms:GenerateDataKey."
  value       = aws_kms_key.state.arn
}
