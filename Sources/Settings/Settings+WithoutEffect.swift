import SystemCalls

/// Settings that do nothing because of others, which is probably not what was meant.
extension Settings {
    /// One line for each of them.
    package var withoutEffect: [String] {
        let rows = SettingRows.server
        var lines: [String] = []
        if let place = place(of: rows.hosts), !listensOnLoopback {
            lines.append("\(place) has no effect: it is for requests to loopback addresses, and no listener is on one")
        }
        if let place = place(of: rows.forwardedHeaders), self.trustedProxies.isEmpty {
            lines.append("\(place) has no effect without trusted-proxies")
        }
        if self.corsOrigins.isEmpty {
            lines += Self.originDetails.compactMap(place).map { "\($0) has no effect without cors-origins" }
        }
        guard let file = sources.file else { return lines }
        for (producer, entries) in (file.sections[rows.corsOrigins.section ?? ""] ?? [:]).sorted(by: { $0.key < $1.key }
        ) {
            lines += Self.withoutOrigins(entries, of: producer, in: file)
        }
        return lines + listenersWithoutEffect(in: file)
    }

    /// What says more about the pages of `cors-origins`.
    private static var originDetails: [any SettingRow] {
        let rows = SettingRows.server
        return [rows.corsCredentials, rows.corsExposedHeaders, rows.corsMaxAge]
    }

    /// The place where a setting is set; `nil`: nowhere, or to nothing.
    private func place(of row: any SettingRow) -> String? {
        guard let place = sources.place(of: row), !row.isNothing(try? sources.value(row)) else { return nil }
        return place
    }

    // MARK: Single producers and listeners

    /// - Parameter owner: the producer or the listener that has the entries.
    private static func withoutOrigins(
        _ entries: [String: ConfigurationFile.Entry], of owner: String, in file: ConfigurationFile
    ) -> [String] {
        func place(of row: any SettingRow) -> String? {
            guard let entry = entries[row.name], !row.isNothing(try? file.value(of: row, in: entry)) else { return nil }
            return file.place(of: row, in: entry)
        }
        guard place(of: SettingRows.server.corsOrigins) == nil else { return [] }
        return originDetails.compactMap(place).map {
            "\($0) of \(owner) has no effect without cors-origins of its own"
        }
    }

    private func listenersWithoutEffect(in file: ConfigurationFile) -> [String] {
        let rows = SettingRows.server
        guard let first = file.listeners.lazy.flatMap(\.values).map(\.line).min(),
            let place = sources.place(of: rows.listen)
        else { return [] }
        guard sources.isOfFile(rows.listen) else {
            return ["\(file.path):\(first): the settings of single listeners have no effect: \(place) replaces them"]
        }
        guard let addresses = try? sources[rows.listen] else { return [] }
        return zip(addresses, file.listeners).flatMap { address, entries in
            var lines = Self.withoutOrigins(entries, of: "\(address)", in: file)
            if let entry = entries[rows.hosts.name], !address.canBeLoopback {
                let place = file.place(of: rows.hosts, in: entry)
                lines.append("\(place) has no effect: it is for loopback addresses, and \(address) is not one")
            }
            return lines
        }
    }

    private var listensOnLoopback: Bool {
        if case .at(let address) = self.admin, address.canBeLoopback { return true }
        return self.listen.contains(where: \.canBeLoopback)
    }
}

extension SettingRow {
    /// Whether the value is that of a list without items, or of a switch that is off anyway.
    fileprivate func isNothing(_ value: (any Sendable)?) -> Bool { (isList || isSwitch) && areEqual(value, initial) }
}

extension ListenAddress {
    /// `false` only if it is certain.
    fileprivate var canBeLoopback: Bool {
        switch place {
        case .host(nil, _), .unix: false
        case .host(let host?, _): IPAddress(host)?.isLoopback ?? true
        case .systemd: true
        }
    }
}
