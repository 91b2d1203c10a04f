import ForeignFunction
package import ProducerInterface

extension FunctionFigures {
    /// Of this process.
    package static var current: FunctionFigures {
        let figures = ClosureBudget.shared.figures
        return FunctionFigures(live: figures.live, tombstones: figures.tombstones, bytes: figures.bytes)
    }
}
