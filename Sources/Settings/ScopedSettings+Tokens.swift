/// Whether clients need a token, for one producer or for all.
extension ScopedSettings {
    /// What `auth` amounts to, never `auto`. A producer with keys or tokens of its own is not left open because others
    /// are.
    package var tokenPolicy: TokenPolicy {
        if self.auth == .auto || hasOwn("auth") && !hasOwn(\.auth) {
            return self.authKeys.isEmpty && self.authTokens.isEmpty ? .none : .required
        }
        return self.auth
    }
}
