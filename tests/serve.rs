//! `keyseam serve`, with the clients, registries and bodies of the real world.

mod admission;
mod api;
mod crash;
mod gate;
mod notify;
