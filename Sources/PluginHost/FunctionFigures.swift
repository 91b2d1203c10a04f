import ForeignFunction

/// The C functions that were made for plugins, at one moment.
package struct FunctionFigures: Sendable, Equatable {
    /// Functions whose stream is open.
    package let live: Int
    /// Functions whose stream is over.
    package let tombstones: Int
    /// The memory of both.
    package let bytes: Int

    /// The figures of this process.
    package static var current: FunctionFigures {
        let figures = ClosureBudget.shared.figures
        return FunctionFigures(live: figures.live, tombstones: figures.tombstones, bytes: figures.bytes)
    }
}
