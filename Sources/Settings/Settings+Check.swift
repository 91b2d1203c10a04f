/// Rules that concern several settings together.
extension Settings {
    /// For settings of which some are a running server's, too.
    package func check() throws(SettingError) {
        try Self.check(anyProducer, in: "")
        for mention in sources.file?.mentions ?? [] {
            // Rules that no producer has would leave open what they are to close.
            guard mention.section == SettingRows.server.require.section, mention.producer.contains("/") else {
                continue
            }
            throw SettingError(
                "\(mention.place): \(mention.section): \(mention.producer): only the name of the producer is expected here"
            )
        }
        for (name, producer) in producers.sorted(by: { $0.key < $1.key }) {
            try Self.check(producer, in: " of \(name)")
        }
        for (address, listener) in zip(self.listen, listeners) { try Self.check(listener, in: " of \(address)") }
        try checkSystemd()
        if let address = self.listen.first(where: \.acceptsProxyHeader), self.trustedProxies.isEmpty {
            throw SettingError(
                "listen: \(address) has proxy-protocol, which needs the addresses of the proxies in trusted-proxies")
        }
    }

    /// Two listeners can't share a socket: either could get a connection.
    private func checkSystemd() throws(SettingError) {
        var names: [String?] = []
        for address in self.listen {
            guard case .systemd(let name) = address.place else { continue }
            guard names.isEmpty || name != nil && !names.contains(nil) && !names.contains(name) else {
                throw SettingError("listen: \(address): the same sockets are listed twice")
            }
            names.append(name)
        }
    }

    private static func check(_ scope: ScopedSettings, in place: String) throws(SettingError) {
        try checkCredentials(scope, in: place)
        try checkTokens(scope, in: place)
    }

    /// Any page could then read what a user may read (Fetch §3.2.5 forbids it, too).
    private static func checkCredentials(_ scope: ScopedSettings, in place: String) throws(SettingError) {
        guard scope.corsOrigins.contains(.any), scope.corsCredentials else { return }
        throw SettingError(
            "cors-credentials\(place): can't be allowed to any origin; list the origins instead of '*' in cors-origins")
    }

    /// Nothing must be open because a part of what closes it is missing.
    private static func checkTokens(_ scope: ScopedSettings, in place: String) throws(SettingError) {
        let policy = scope.tokenPolicy
        if policy != .none, scope.authKeys.isEmpty, scope.authTokens.isEmpty {
            throw SettingError("auth\(place): \(policy.rawValue), but there are neither auth-keys nor auth-tokens")
        }
        let rest: [(name: String, isSet: Bool)] = [
            ("auth-issuers", !scope.authIssuers.isEmpty), ("auth-audiences", !scope.authAudiences.isEmpty),
            ("auth-cookie", !scope.authCookie.isEmpty), ("auth-query", !scope.authQuery.isEmpty),
        ]
        if policy == .none, scope.auth == .auto, let set = rest.first(where: \.isSet) {
            throw SettingError("\(set.name)\(place): set, but there are neither auth-keys nor auth-tokens")
        }
        if policy == .none, !scope.require.isEmpty, scope.hasOwn(\.require) || scope.auth == .auto {
            throw SettingError(
                "require\(place): without tokens, there are no claims; set auth-keys or auth-tokens, and not auth: none"
            )
        }
    }
}
