//! The verifier against the examples that AWS publishes, which no code here has signed:
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>,
//! `sigv4-query-string-auth.html` and `sigv4-streaming.html` beside it, and IAM's "Create a signed
//! AWS API request" (`ListUsers`).

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use bytes::Bytes;

use super::super::request::Incoming;
use super::super::sigv4::{AuthError, Claim, Seed};

const S3_SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const HOST: (&str, &str) = ("host", "examplebucket.s3.amazonaws.com");
const DATE: (&str, &str) = ("x-amz-date", "20130524T000000Z");

fn incoming(method: Method, uri: &str, headers: &[(&str, &str)], body: &'static [u8]) -> Incoming {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            )
        })
        .collect();
    let uri: Uri = uri.parse().unwrap();
    Incoming::new(method, &uri, headers, Bytes::from_static(body))
}

fn authorization(scope: &str, signed: &str, signature: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/{scope}/aws4_request,SignedHeaders={signed},Signature={signature}"
    )
}

/// An S3 example: `more` are the headers besides the date and, unless given, the host.
fn s3_example(
    method: Method,
    uri: &str,
    more: &[(&str, &str)],
    body: &'static [u8],
    signature: &str,
) -> Result<Seed, AuthError> {
    let mut headers = vec![DATE];
    headers.extend(more);
    if !more.iter().any(|(name, _)| *name == "host") {
        headers.push(HOST);
    }
    let mut names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    let authorization = authorization("20130524/us-east-1/s3", &names.join(";"), signature);
    headers.push(("authorization", &authorization));
    let incoming = incoming(method, uri, &headers, body);
    Claim::read(&incoming)?.check_signature(&incoming, S3_SECRET)
}

#[test]
fn iam_list_users() {
    let authorization = authorization(
        "20150830/us-east-1/iam",
        "content-type;host;x-amz-date",
        "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
    );
    let incoming = incoming(
        Method::GET,
        "/?Action=ListUsers&Version=2010-05-08",
        &[
            ("host", "iam.amazonaws.com"),
            (
                "content-type",
                "application/x-www-form-urlencoded; charset=utf-8",
            ),
            ("x-amz-date", "20150830T123600Z"),
            ("authorization", &authorization),
        ],
        b"",
    );
    let claim = Claim::read(&incoming).unwrap();
    assert_eq!(claim.access_key_id, "AKIAIOSFODNN7EXAMPLE");
    assert_eq!(
        (claim.service.as_str(), claim.region.as_str()),
        ("iam", "us-east-1")
    );
    let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    claim.check_signature(&incoming, secret).unwrap();
    let other = claim.check_signature(&incoming, S3_SECRET);
    assert_eq!(other.unwrap_err(), AuthError::Mismatch);
}

#[test]
fn s3_get_object() {
    let sign = |range| {
        s3_example(
            Method::GET,
            "/test.txt",
            &[("range", range), ("x-amz-content-sha256", EMPTY)],
            b"",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        )
    };
    sign("bytes=0-9").unwrap();
    assert_eq!(sign("bytes=0-8").unwrap_err(), AuthError::Mismatch);
}

#[test]
fn s3_put_object_with_a_dollar_in_its_key() {
    let put = |body| {
        s3_example(
            Method::PUT,
            "/test$file.text",
            &[
                ("date", "Fri, 24 May 2013 00:00:00 GMT"),
                (
                    "x-amz-content-sha256",
                    "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
                ),
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ],
            body,
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        )
    };
    put(b"Welcome to Amazon S3.").unwrap();
    assert_eq!(
        put(b"Welcome to Amazon S4.").unwrap_err(),
        AuthError::WrongPayload
    );
}

#[test]
fn s3_queries_without_and_with_values() {
    let hash = [("x-amz-content-sha256", EMPTY)];
    let lifecycle = "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543";
    s3_example(Method::GET, "/?lifecycle", &hash, b"", lifecycle).unwrap();
    let list = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7";
    s3_example(Method::GET, "/?max-keys=2&prefix=J", &hash, b"", list).unwrap();
    s3_example(Method::GET, "/?prefix=J&max-keys=2", &hash, b"", list).unwrap();
}

#[test]
fn s3_presigned_get() {
    let uri = "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    let incoming = incoming(Method::GET, uri, &[HOST], b"");
    let claim = Claim::read(&incoming).unwrap();
    claim.check_signature(&incoming, S3_SECRET).unwrap();
    let day = "2013-05-24T00:00:00Z".parse::<jiff::Timestamp>().unwrap();
    let after = |hours| day + jiff::SignedDuration::from_hours(hours);
    claim.check_time(after(24)).unwrap();
    assert_eq!(claim.check_time(after(25)), Err(AuthError::PresignExpired));
}

#[test]
fn s3_chunked_upload() {
    let seed = s3_example(
        Method::PUT,
        "/examplebucket/chunkObject.txt",
        &[
            ("host", "s3.amazonaws.com"),
            ("content-encoding", "aws-chunked"),
            ("content-length", "66824"),
            ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
            ("x-amz-decoded-content-length", "66560"),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ],
        b"",
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    );
    let seed = seed.unwrap();
    let first = seed.of_chunk(&seed.signature, &[b'a'; 65536]);
    assert_eq!(
        first,
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"
    );
    let second = seed.of_chunk(&first, &[b'a'; 1024]);
    assert_eq!(
        second,
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"
    );
    let last = seed.of_chunk(&second, b"");
    assert_eq!(
        last,
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"
    );
}

#[test]
fn a_claim_must_be_whole() {
    let read = |headers: &[(&str, &str)]| {
        let incoming = incoming(Method::GET, "/", headers, b"");
        Claim::read(&incoming).map(|_| ())
    };
    assert_eq!(read(&[HOST, DATE]), Err(AuthError::Missing));
    let whole = authorization("20130524/us-east-1/sts", "host;x-amz-date", "00");
    assert_eq!(read(&[HOST, DATE, ("authorization", &whole)]), Ok(()));
    let other_day = authorization("20130525/us-east-1/sts", "host;x-amz-date", "00");
    let no_host = authorization("20130524/us-east-1/sts", "x-amz-date", "00");
    let short = authorization("20130524/sts", "host", "00");
    for bad in [
        &other_day,
        &no_host,
        &short,
        "Bearer x",
        "AWS4-HMAC-SHA256 Credential=a",
    ] {
        let outcome = read(&[HOST, DATE, ("authorization", bad)]);
        assert!(
            matches!(outcome, Err(AuthError::Malformed(_))),
            "{bad}: {outcome:?}"
        );
    }
    let undated = read(&[HOST, ("authorization", &whole)]);
    assert!(matches!(undated, Err(AuthError::Malformed(_))));
}
