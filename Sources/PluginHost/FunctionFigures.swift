import ForeignFunction

/// The C functions that were made for plugins, at one moment.
package struct FunctionFigures: Sendable, Equatable {
    /// Those whose stream is open.
    package let live: Int
    /// Those whose stream is over.
    package let tombstones: Int
    /// Of both.
    package let bytes: Int

    /// Of this process.
    package static var current: FunctionFigures {
        let figures = ClosureBudget.shared.figures
        return FunctionFigures(live: figures.live, tombstones: figures.tombstones, bytes: figures.bytes)
    }
}
