/// Whether clients need a token, for one producer or for all.
extension ScopedSettings {
    /// What `auth` amounts to, never `auto`. A producer with settings of its own about tokens is not left open because
    /// others are.
    package var tokenPolicy: TokenPolicy {
        if hasOwn("auth"), !hasOwn(\.auth) { return .required }
        guard self.auth == .auto else { return self.auth }
        return self.authKeys.isEmpty && self.authTokens.isEmpty ? .none : .required
    }
}
