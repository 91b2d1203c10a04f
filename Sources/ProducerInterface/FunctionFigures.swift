/// The functions that were created for plugins to hand to libraries, at one moment.
package struct FunctionFigures: Sendable, Equatable {
    /// Functions whose stream is open.
    package let live: Int
    /// Functions whose stream has ended.
    package let tombstones: Int
    /// The memory of both.
    package let bytes: Int

    package init(live: Int, tombstones: Int, bytes: Int) {
        self.live = live
        self.tombstones = tombstones
        self.bytes = bytes
    }
}
