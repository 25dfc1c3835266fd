//! Which versions of Rocket.Chat have which login providers.

use super::version::Versions;

/// The versions with the login providers that 9.0 removed. Which ones is known from the development branch only.
pub const REMOVED_PROVIDERS: Versions = Versions::since(3, 17, 0).until(9, 0, 0);
