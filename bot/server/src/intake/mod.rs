//! Takes what GitHub sends in: deliveries become events here.

pub mod payload;
