//! S3: objects, listings, uploads that must be what they say, and who may do what.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, StatusCode};
use sha2::{Digest, Sha256};

use super::super::{Fault, Keys, Role, Service, Trust};
use super::signer::Unsigned;
use super::{Answer, Grant, World};

/// A world, and a session that may read and write its bucket `state`.
struct Shop {
    world: World,
    keys: Keys,
}

impl Shop {
    async fn new() -> Self {
        let world = World::new().await;
        let grants = [
            Grant::ReadBucket("state".to_owned()),
            Grant::WriteBucket("state".to_owned()),
        ];
        let keys = world.session(&world.role("slipway-apply", &grants));
        Self { world, keys }
    }

    fn ask(&self, method: Method, path: &str) -> Unsigned {
        self.world.request(method, path)
    }

    async fn send(&self, request: Unsigned) -> Answer {
        self.send_as(&self.keys, request).await
    }

    async fn send_as(&self, keys: &Keys, request: Unsigned) -> Answer {
        Answer::of(self.world.signer("s3", keys).send(request).await).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(self.ask(Method::GET, path)).await
    }

    async fn put(&self, path: &str, body: &str) -> Answer {
        self.send(self.ask(Method::PUT, path).body(body)).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.send(self.ask(Method::DELETE, path)).await
    }
}

#[tokio::test]
async fn an_object_comes_back_as_it_was_put() {
    let shop = Shop::new().await;
    let key = "/state/a%20b/%C3%A9%2B%24.json";
    let put = shop
        .ask(Method::PUT, key)
        .header("content-type", "application/json")
        .header("x-amz-meta-run", "7")
        .body("{\"a\":1}");
    let put = shop.send(put).await;
    assert_eq!(put.status, StatusCode::OK, "{}", put.body);
    let etag = put.header("etag").to_owned();
    let got = shop.get(key).await;
    assert_eq!(
        (got.status, got.body.as_str()),
        (StatusCode::OK, "{\"a\":1}")
    );
    assert_eq!(got.header("etag"), etag);
    assert_eq!(got.header("content-type"), "application/json");
    assert_eq!(got.header("x-amz-meta-run"), "7");
    assert_eq!(shop.world.aws.keys_in("state"), ["a b/é+$.json"]);

    let head = shop.send(shop.ask(Method::HEAD, key)).await;
    assert_eq!((head.status, head.body.as_str()), (StatusCode::OK, ""));
    assert_eq!(head.header("content-length"), "7");
    assert_eq!(head.header("etag"), etag);

    assert_eq!(shop.delete(key).await.status, StatusCode::NO_CONTENT);
    assert_eq!(shop.delete(key).await.status, StatusCode::NO_CONTENT);
    shop.get(key).await.refused(404, "NoSuchKey");
    let head = shop.send(shop.ask(Method::HEAD, key)).await;
    assert_eq!(
        (head.status, head.body.as_str()),
        (StatusCode::NOT_FOUND, "")
    );
    let journal = shop.world.aws.journal();
    let last = journal.last().unwrap();
    assert_eq!(last.error.as_deref(), Some("NoSuchKey"));
    assert_eq!(last.resource, "state/a b/é+$.json");
}

#[tokio::test]
async fn conditions_hold() {
    let shop = Shop::new().await;
    let write = async |name: &str, value: &str, body: &str| {
        let put = shop.ask(Method::PUT, "/state/k").header(name, value);
        shop.send(put.body(body)).await
    };
    write("if-match", "\"x\"", "0")
        .await
        .refused(404, "NoSuchKey");
    let first = write("if-none-match", "*", "1").await;
    assert_eq!(first.status, StatusCode::OK);
    let again = write("if-none-match", "*", "2").await;
    again.refused(412, "PreconditionFailed");
    write("if-match", "\"x\"", "2")
        .await
        .refused(412, "PreconditionFailed");
    let etag = first.header("etag");
    assert_eq!(write("if-match", etag, "2").await.status, StatusCode::OK);
    write("if-match", etag, "3")
        .await
        .refused(412, "PreconditionFailed");

    let read = async |name: &str, value: &str| {
        let get = shop.ask(Method::GET, "/state/k").header(name, value);
        shop.send(get).await
    };
    read("if-match", etag)
        .await
        .refused(412, "PreconditionFailed");
    let now = shop.get("/state/k").await.header("etag").to_owned();
    let unchanged = read("if-none-match", &now).await;
    assert_eq!(unchanged.status, StatusCode::NOT_MODIFIED);
    assert_eq!(read("if-none-match", etag).await.body, "2");
}

#[tokio::test]
async fn ranges_are_cut_out() {
    let shop = Shop::new().await;
    shop.put("/state/k", "0123456789").await;
    let cut = async |range: &str| {
        let get = shop.ask(Method::GET, "/state/k").header("range", range);
        shop.send(get).await
    };
    for (range, part, shown) in [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=8-", "89", "bytes 8-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=7-99", "789", "bytes 7-9/10"),
    ] {
        let answer = cut(range).await;
        assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT);
        assert_eq!(answer.body, part);
        assert_eq!(answer.header("content-range"), shown);
    }
    cut("bytes=10-").await.refused(416, "InvalidRange");
}

#[tokio::test]
async fn a_body_must_be_what_its_checksums_say() {
    let shop = Shop::new().await;
    let sum = STANDARD.encode(Sha256::digest(b"state"));
    let put = async |name: &str, value: &str, body: &str| {
        let put = shop.ask(Method::PUT, "/state/k").header(name, value);
        shop.send(put.body(body)).await
    };
    let good = put("x-amz-checksum-sha256", &sum, "state").await;
    assert_eq!(good.header("x-amz-checksum-sha256"), sum);
    put("x-amz-checksum-sha256", &sum, "stale")
        .await
        .refused(400, "BadDigest");
    put("x-amz-checksum-crc32", "AAAAAA==", "state")
        .await
        .refused(400, "BadDigest");
    put("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==", "state")
        .await
        .refused(400, "BadDigest");
    put("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==", "").await;
    put("x-amz-checksum-sha1", "x", "state")
        .await
        .refused(501, "NotImplemented");
    put("x-amz-checksum-sha256", &sum, "state").await;
    let get = shop
        .ask(Method::GET, "/state/k")
        .header("x-amz-checksum-mode", "ENABLED");
    let got = shop.send(get).await;
    assert_eq!(got.header("x-amz-checksum-sha256"), sum);

    let signed = shop.ask(Method::PUT, "/state/k").body("one");
    let mut sent = shop.world.signer("s3", &shop.keys).sign(signed);
    sent.body = b"two".to_vec();
    let swapped = Answer::of(sent.send().await).await;
    swapped.refused(400, "XAmzContentSHA256Mismatch");
    let unsigned = shop
        .ask(Method::PUT, "/state/k")
        .payload("UNSIGNED-PAYLOAD");
    assert_eq!(shop.send(unsigned.body("any")).await.status, StatusCode::OK);
    assert_eq!(shop.get("/state/k").await.body, "any");
}

#[tokio::test]
async fn chunked_bodies_are_unwrapped() {
    let shop = Shop::new().await;
    // CRC-32 of "Wikipedia" is ADAAC02E.
    let upload = |crc: &str, length: &str| {
        shop.ask(Method::PUT, "/state/k")
            .header("content-encoding", "gzip,aws-chunked")
            .header("x-amz-trailer", "x-amz-checksum-crc32")
            .header("x-amz-decoded-content-length", length)
            .payload("STREAMING-UNSIGNED-PAYLOAD-TRAILER")
            .body(format!(
                "4\r\nWiki\r\n5\r\npedia\r\n0\r\nx-amz-checksum-crc32:{crc}\r\n\r\n"
            ))
    };
    let good = shop.send(upload("rarALg==", "9")).await;
    assert_eq!(good.status, StatusCode::OK, "{}", good.body);
    assert_eq!(good.header("x-amz-checksum-crc32"), "rarALg==");
    let got = shop.get("/state/k").await;
    assert_eq!(got.body, "Wikipedia");
    assert_eq!(got.header("content-encoding"), "gzip");
    shop.send(upload("AAAAAA==", "9"))
        .await
        .refused(400, "BadDigest");
    shop.send(upload("rarALg==", "8"))
        .await
        .refused(400, "IncompleteBody");
    let mut cut = upload("rarALg==", "9");
    cut.body.truncate(12);
    shop.send(cut).await.refused(400, "IncompleteBody");
    let silent = upload("rarALg==", "9").body("4\r\nWiki\r\n0\r\n\r\n");
    let mut silent = silent;
    silent
        .headers
        .retain(|(name, _)| name != "x-amz-decoded-content-length");
    let silent = silent.header("x-amz-decoded-content-length", "4");
    shop.send(silent)
        .await
        .refused(400, "MalformedTrailerError");
}

#[tokio::test]
async fn signed_chunks_are_verified_one_by_one() {
    let shop = Shop::new().await;
    let signer = shop.world.signer("s3", &shop.keys);
    let upload = |last_chunk: &str| {
        let unsigned = shop
            .ask(Method::PUT, "/state/k")
            .header("x-amz-decoded-content-length", "9")
            .header("x-amz-trailer", "x-amz-checksum-crc32")
            .payload("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER");
        let mut request = signer.sign(unsigned);
        let (_, authorization) = request.headers.last().unwrap();
        let (_, seed) = authorization.rsplit_once('=').unwrap();
        let mut previous = seed.to_owned();
        let mut body = String::new();
        for chunk in ["Wiki", "pedia", ""] {
            let hashes = [&b""[..], chunk.as_bytes()].map(|part| hex::encode(Sha256::digest(part)));
            previous = signer.chunk_signature(&previous, "PAYLOAD", &hashes.join("\n"));
            body += &format!("{:x};chunk-signature={previous}\r\n", chunk.len());
            if !chunk.is_empty() {
                body += &format!("{}\r\n", if chunk == "pedia" { last_chunk } else { chunk });
            }
        }
        let hash = hex::encode(Sha256::digest("x-amz-checksum-crc32:rarALg==\n"));
        let signature = signer.chunk_signature(&previous, "TRAILER", &hash);
        body += &format!(
            "x-amz-checksum-crc32:rarALg==\r\nx-amz-trailer-signature:{signature}\r\n\r\n"
        );
        request.body = body.into_bytes();
        request
    };
    let good = Answer::of(upload("pedia").send().await).await;
    assert_eq!(good.status, StatusCode::OK, "{}", good.body);
    assert_eq!(shop.get("/state/k").await.body, "Wikipedia");
    let forged = Answer::of(upload("pedlo").send().await).await;
    forged.refused(403, "SignatureDoesNotMatch");
}

#[tokio::test]
async fn listings_fold_and_page() {
    let shop = Shop::new().await;
    for key in [
        "a.txt",
        "env%3A/dev/s",
        "env%3A/prod/s",
        "env%3A/prod/t",
        "z%26.txt",
    ] {
        shop.put(&format!("/state/{key}"), "x").await;
    }
    let folded = shop.get("/state?list-type=2&delimiter=%2F").await;
    assert_eq!(folded.element("KeyCount"), "3");
    assert!(
        folded
            .body
            .contains("<CommonPrefixes><Prefix>env:/</Prefix></CommonPrefixes>")
    );
    assert!(folded.body.contains("<Key>z&amp;.txt</Key>"));
    let url = shop
        .get("/state?list-type=2&encoding-type=url&prefix=z")
        .await;
    assert_eq!(url.element("Key"), "z%26.txt");
    let inside = shop
        .get("/state?list-type=2&delimiter=%2F&prefix=env%3A%2F")
        .await;
    let prefixes = "<CommonPrefixes><Prefix>env:/dev/</Prefix></CommonPrefixes><CommonPrefixes><Prefix>env:/prod/</Prefix></CommonPrefixes>";
    assert!(inside.body.contains(prefixes), "{}", inside.body);

    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let path = format!("/state?list-type=2&max-keys=1&delimiter=%2F{token}");
        let page = shop.get(&path).await;
        assert_eq!(page.element("KeyCount"), "1");
        seen.push(page.body.contains("<CommonPrefixes>"));
        if page.element("IsTruncated") == "false" {
            break;
        }
        let next = page.element("NextContinuationToken").replace('=', "%3D");
        token = format!("&continuation-token={next}");
    }
    assert_eq!(seen, [false, true, false]);

    let first = shop.get("/state?max-keys=2").await;
    assert_eq!(first.element("IsTruncated"), "true");
    let rest = shop.get("/state?marker=env%3A%2Fdev%2Fs").await;
    assert_eq!(rest.body.matches("<Contents>").count(), 3);
    let after = shop
        .get("/state?list-type=2&start-after=env%3A%2Fprod%2Fs")
        .await;
    assert_eq!(after.element("Key"), "env:/prod/t");
    shop.get("/state?list-type=2&continuation-token=%21")
        .await
        .refused(400, "InvalidArgument");
}

#[tokio::test]
async fn grants_stop_at_the_lock_the_account_and_the_region() {
    let shop = Shop::new().await;
    let world = &shop.world;
    shop.put("/state/s", "1").await;
    let grants = [
        Grant::ReadBucket("state".to_owned()),
        Grant::LockBucket("state".to_owned()),
    ];
    let plan = world.session(&world.role("slipway-plan", &grants));
    let as_plan = async |method, path| shop.send_as(&plan, shop.ask(method, path)).await;
    assert_eq!(
        as_plan(Method::GET, "/state/s").await.status,
        StatusCode::OK
    );
    as_plan(Method::PUT, "/state/s")
        .await
        .refused(403, "AccessDenied");
    as_plan(Method::DELETE, "/state/s")
        .await
        .refused(403, "AccessDenied");
    let lock = "/state/s.tflock";
    assert_eq!(as_plan(Method::PUT, lock).await.status, StatusCode::OK);
    assert_eq!(
        as_plan(Method::DELETE, lock).await.status,
        StatusCode::NO_CONTENT
    );

    let nobody = world.session(&world.role("nobody", &[]));
    let refused = shop
        .send_as(&nobody, shop.ask(Method::GET, "/state/s"))
        .await;
    refused.refused(403, "AccessDenied");
    let prod = world.aws.add_account("222222222222").unwrap();
    let other = Role {
        grants: vec![Grant::ReadBucket("state".to_owned())],
        ..Role::new(&prod, "slipway-plan", Trust::default())
    };
    let other = world.session(&world.aws.add_role(other).unwrap());
    let refused = shop
        .send_as(&other, shop.ask(Method::GET, "/state/s"))
        .await;
    refused.refused(403, "AccessDenied");

    let mut signer = world.signer("s3", &shop.keys);
    signer.region = "us-east-1".to_owned();
    let astray = Answer::of(signer.send(shop.ask(Method::GET, "/state/s")).await).await;
    astray.refused(400, "AuthorizationHeaderMalformed");
    assert_eq!(astray.element("Region"), "eu-central-1");
}

#[tokio::test]
async fn buckets_say_where_they_are() {
    let shop = Shop::new().await;
    let head = shop.send(shop.ask(Method::HEAD, "/state")).await;
    assert_eq!(head.header("x-amz-bucket-region"), "eu-central-1");
    let location = shop.get("/state?location").await;
    assert!(location.body.ends_with(
        "<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">eu-central-1</LocationConstraint>"
    ));
    shop.get("/elsewhere/k").await.refused(404, "NoSuchBucket");
    shop.get("/state?versioning")
        .await
        .refused(501, "NotImplemented");
    let copy = shop
        .ask(Method::PUT, "/state/k")
        .header("x-amz-copy-source", "/state/s");
    shop.send(copy).await.refused(501, "NotImplemented");
}

#[tokio::test]
async fn presigned_reads_end() {
    let shop = Shop::new().await;
    shop.put("/state/k", "1").await;
    let signer = shop.world.signer("s3", &shop.keys);
    let url = signer.presign(shop.ask(Method::GET, "/state/k"), 300);
    let read = async || Answer::of(reqwest::get(url.clone()).await.unwrap()).await;
    assert_eq!(read().await.body, "1");
    shop.world
        .clock
        .advance(std::time::Duration::from_secs(400));
    read().await.refused(403, "AccessDenied");
    let anonymous = shop.ask(Method::GET, "/state/k").send().await;
    Answer::of(anonymous).await.refused(403, "AccessDenied");
}

#[tokio::test]
async fn what_s3_trusts_is_signed() {
    let shop = Shop::new().await;
    let signer = shop.world.signer("s3", &shop.keys);
    let slipped = signer
        .sign(shop.ask(Method::PUT, "/state/k"))
        .header("x-amz-meta-run", "7");
    let refused = Answer::of(slipped.send().await).await;
    refused.refused(403, "AccessDenied");
    assert_eq!(refused.element("HeadersNotSigned"), "x-amz-meta-run");
    shop.world
        .clock
        .advance(std::time::Duration::from_secs(3600 - 60));
    let stale = Answer::of(signer.send(shop.ask(Method::GET, "/state/k")).await).await;
    stale.refused(403, "RequestTimeTooSkewed");
    shop.world
        .clock
        .advance(std::time::Duration::from_secs(120));
    shop.get("/state/k").await.refused(400, "ExpiredToken");
}

#[tokio::test]
async fn many_are_deleted_at_once() {
    let shop = Shop::new().await;
    shop.put("/state/a%26b", "1").await;
    shop.put("/state/c.tflock", "1").await;
    let body = "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Object><Key>a&amp;b</Key></Object><Object><Key>c.tflock</Key></Object></Delete>";
    let locker = shop
        .world
        .role("locker", &[Grant::LockBucket("state".to_owned())]);
    let locker = shop.world.session(&locker);
    let request = shop.ask(Method::POST, "/state?delete=").body(body);
    let answer = shop.send_as(&locker, request.clone()).await;
    assert!(
        answer
            .body
            .contains("<Deleted><Key>c.tflock</Key></Deleted>"),
        "{}",
        answer.body
    );
    assert!(
        answer
            .body
            .contains("<Error><Key>a&amp;b</Key><Code>AccessDenied</Code>")
    );
    assert_eq!(shop.world.aws.keys_in("state"), ["a&b"]);
    shop.send(request).await;
    assert!(shop.world.aws.keys_in("state").is_empty());
    let junk = shop.ask(Method::POST, "/state?delete=").body("<Delete/>");
    shop.send(junk).await.refused(400, "MalformedXML");
}

#[tokio::test]
async fn faults_speak_s3s_language() {
    let shop = Shop::new().await;
    let aws = &shop.world.aws;
    for (fault, status, code) in [
        (Fault::Throttling, 503, "SlowDown"),
        (Fault::ServerError, 500, "InternalError"),
        (Fault::AccessDenied, 403, "AccessDenied"),
    ] {
        aws.fail(Service::S3, Some("PutObject"), fault, 1);
        shop.put("/state/k", "1").await.refused(status, code);
    }
    assert_eq!(aws.object("state", "k"), None);
    shop.put("/state/k", "1").await;
    assert_eq!(aws.object("state", "k").unwrap(), "1");
}
