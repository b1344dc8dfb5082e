//! The sandbox AWS: STS, EKS and S3 with SigV4 really verified.
