import CSluice

/// The server, as the entry was given it; each plugin has its own copy of this library, and so its own of this.
enum Host {
    /// Set by `export` before anything else runs, and never changed.
    nonisolated(unsafe) private(set) static var table: UnsafePointer<sluice_host>!

    /// What the server may read for ever is kept for ever, and seen to be kept by those who look for leaks.
    nonisolated(unsafe) private static var exported: [UnsafePointer<sluice_plugin>] = []

    /// The size of the table in version 1.0 of the interface, which every server has.
    static let tableSizeMin = MemoryLayout<sluice_host>.offset(of: \.identity)!

    private static let identityEnd = MemoryLayout<sluice_host>.offset(of: \.claim)! + MemoryLayout<UInt>.size

    /// Whether the table has `identity` and `claim`. In version 1.0, it ends before them, and must not be read further.
    static var hasIdentity: Bool { Int(table.pointee.struct_size) >= identityEnd }

    static func connect(_ host: UnsafePointer<sluice_host>) { table = host }

    static func keep(_ plugin: UnsafePointer<sluice_plugin>) { exported.append(plugin) }

    static func log(_ message: String, level: Int, stream: OpaquePointer?) {
        table.pointee.log(stream, Int32(level), message)
    }
}

extension String {
    /// A text that the server lends; `nil` for NULL.
    init?(lent text: UnsafePointer<CChar>?) {
        guard let text else { return nil }
        self.init(cString: text)
    }
}
