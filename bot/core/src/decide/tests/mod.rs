//! Each event in each situation of the product, as the intents that it leads to.

mod apply;
mod button;
mod dependencies;
mod deploy;
mod drift;
mod ended;
mod flagged;
mod force_unlock;
mod merge;
mod merge_group;
mod overriding;
mod plan;
mod property;
mod retry;
mod words;
