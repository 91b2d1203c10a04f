import CSluice

/// The server, as the entry was given it; each plugin has its own copy of this library, and so its own of this.
enum Host {
    /// Set by `export` before anything else runs, and never changed.
    nonisolated(unsafe) private(set) static var table: UnsafePointer<sluice_host>!

    /// What the server may read for ever is kept for ever, and seen to be kept by those who look for leaks.
    nonisolated(unsafe) private static var exported: [UnsafePointer<sluice_plugin>] = []

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
