//! Simple Storage Service, path-style: what Terraform's S3 backend and `object_store` need.
//!
//! Buckets are made by the test, not by requests. A caller reaches only its own account's buckets:
//! there are no bucket policies. What is missing (multipart, copies, versions, ACLs …) is answered
//! `NotImplemented`, never ignored, so that a client can't rely on an effect that didn't happen.
//! API: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html>.

mod checksum;
mod delete;
mod list;
mod object;
mod payload;

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{Method, Response, StatusCode, header};
use axum::response::IntoResponse;

use super::document::{Field, text, xml};
use super::failure::Failure;
use super::identity::{Access, AccountId};
use super::request::Incoming;
use super::world::{Call, Operation, World};

pub(super) use object::Object;

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
/// Query parameters that belong to the signature or only name the operation.
const COMMON_PARAMS: [&str; 9] = [
    "x-id",
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Amz-Content-Sha256",
];

/// A bucket and its objects, in the order that listings have.
#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) account: AccountId,
    pub(super) region: String,
    pub(super) objects: BTreeMap<String, Object>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    HeadBucket,
    GetBucketLocation,
    ListObjects,
    ListObjectsV2,
    GetObject,
    HeadObject,
    PutObject,
    DeleteObject,
    DeleteObjects,
}

impl Action {
    /// The operation that a request means, or `None` if the sandbox hasn't got it.
    fn of(incoming: &Incoming, key: &str) -> Option<Self> {
        let has = |name: &str| incoming.param(name).is_some();
        let (action, params): (Self, &[&str]) = match (&incoming.method, key.is_empty()) {
            (&Method::HEAD, true) => (Self::HeadBucket, &[]),
            (&Method::GET, true) if has("location") => (Self::GetBucketLocation, &["location"]),
            (&Method::GET, true) if incoming.param("list-type") == Some("2") => {
                (Self::ListObjectsV2, list::V2_PARAMS)
            }
            (&Method::GET, true) => (Self::ListObjects, list::V1_PARAMS),
            (&Method::POST, true) if has("delete") => (Self::DeleteObjects, &["delete"]),
            (&Method::GET, false) => (Self::GetObject, &[]),
            (&Method::HEAD, false) => (Self::HeadObject, &[]),
            (&Method::PUT, false) => (Self::PutObject, &[]),
            (&Method::DELETE, false) => (Self::DeleteObject, &[]),
            _ => return None,
        };
        let known = |name: &str| COMMON_PARAMS.contains(&name) || params.contains(&name);
        incoming
            .query
            .iter()
            .all(|(name, _)| known(name))
            .then_some(action)
    }

    fn name(self) -> &'static str {
        match self {
            Self::HeadBucket => "HeadBucket",
            Self::GetBucketLocation => "GetBucketLocation",
            Self::ListObjects => "ListObjects",
            Self::ListObjectsV2 => "ListObjectsV2",
            Self::GetObject => "GetObject",
            Self::HeadObject => "HeadObject",
            Self::PutObject => "PutObject",
            Self::DeleteObject => "DeleteObject",
            Self::DeleteObjects => "DeleteObjects",
        }
    }

    /// The permission that it needs.
    fn permission(self) -> (Access, &'static str) {
        match self {
            Self::HeadBucket | Self::ListObjects | Self::ListObjectsV2 => {
                (Access::Read, "s3:ListBucket")
            }
            Self::GetBucketLocation => (Access::Read, "s3:GetBucketLocation"),
            Self::GetObject | Self::HeadObject => (Access::Read, "s3:GetObject"),
            Self::PutObject => (Access::Write, "s3:PutObject"),
            Self::DeleteObject | Self::DeleteObjects => (Access::Write, "s3:DeleteObject"),
        }
    }
}

/// Bucket and key of a path-style request, decoded; either may be empty.
fn target(incoming: &Incoming) -> (String, String) {
    let path = incoming.decoded_path();
    let path = path.strip_prefix('/').unwrap_or(&path);
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    (bucket.to_owned(), key.to_owned())
}

pub(super) fn operation(incoming: &Incoming) -> Operation {
    let (bucket, key) = target(incoming);
    let action = match Action::of(incoming, &key) {
        Some(action) => action.name().to_owned(),
        None => incoming.method.to_string(),
    };
    let resource = if key.is_empty() {
        bucket
    } else {
        format!("{bucket}/{key}")
    };
    Operation { action, resource }
}

pub(super) fn answer(world: &mut World, call: &Call<'_>) -> Result<Response<Body>, Failure> {
    let (name, key) = target(call.incoming);
    let action = Action::of(call.incoming, &key).filter(|_| !name.is_empty());
    let action = action.ok_or_else(|| {
        let path = &call.incoming.path;
        Failure::not_implemented(&format!("{} {path}", call.incoming.method))
    })?;
    let grants = world.grants_of(call.caller).to_vec();
    let allowed = |key: &str| {
        let (access, _) = action.permission();
        grants
            .iter()
            .any(|grant| grant.allows_object(access, &name, key))
    };
    let bucket = world.buckets.get_mut(&name).ok_or_else(|| {
        Failure::new(
            StatusCode::NOT_FOUND,
            "NoSuchBucket",
            "The specified bucket does not exist",
        )
        .with(text("BucketName", name.as_str()))
    })?;
    check_region(bucket, call)?;
    let own = bucket.account == call.caller.account;
    // Deleting many asks for each key on its own.
    if !own || !(allowed(&key) || action == Action::DeleteObjects) {
        return Err(denied(call, action, &name, &key));
    }
    match action {
        Action::HeadBucket => {
            let region = [("x-amz-bucket-region", bucket.region.clone())];
            Ok(region.into_response())
        }
        Action::GetBucketLocation => Ok(location(bucket)),
        Action::ListObjects => list::version_1(bucket, &name, call.incoming),
        Action::ListObjectsV2 => list::version_2(bucket, &name, call.incoming),
        Action::GetObject | Action::HeadObject => object::get(bucket, &key, call.incoming),
        Action::PutObject => object::put(bucket, &key, call),
        Action::DeleteObject => object::delete(bucket, &key, call.incoming),
        Action::DeleteObjects => delete::many(bucket, call, &allowed),
    }
}

fn check_region(bucket: &Bucket, call: &Call<'_>) -> Result<(), Failure> {
    if bucket.region == call.region {
        return Ok(());
    }
    let why = format!(
        "The authorization header is malformed; the region '{}' is wrong; expecting '{}'",
        call.region, bucket.region
    );
    let failure = Failure::bad("AuthorizationHeaderMalformed", why);
    Err(failure.with(text("Region", bucket.region.as_str())))
}

fn denied(call: &Call<'_>, action: Action, bucket: &str, key: &str) -> Failure {
    let (_, permission) = action.permission();
    let slash = if key.is_empty() { "" } else { "/" };
    let why = format!(
        "User: {} is not authorized to perform: {permission} on resource: \"arn:aws:s3:::{bucket}{slash}{key}\"",
        call.caller.arn
    );
    Failure::forbidden("AccessDenied", why)
}

/// The first region of all has no name here.
fn location(bucket: &Bucket) -> Response<Body> {
    let region = if bucket.region == "us-east-1" {
        ""
    } else {
        &bucket.region
    };
    document(&text("LocationConstraint", region))
}

fn document(root: &Field) -> Response<Body> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}",
        xml(root, Some(NAMESPACE))
    );
    ([(header::CONTENT_TYPE, "application/xml")], body).into_response()
}
