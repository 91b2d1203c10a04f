import Glibc
import ProducerInterface
import StreamRuntime
import SystemCalls

/// All metrics of a running server. A counter has no label `generation`, and includes the generations that are over, so
/// that it never falls; gauges have one where it tells something.
package struct MetricsReport: Sendable {
    private let version: String
    /// The version of the interface between host and plugins: "1.1".
    private let interface: String
    private let desk: ReloadDesk
    private let figures: @Sendable () -> ServerFigures

    /// The type of the content.
    package static let contentType = MetricsText.contentType

    /// - Parameter figures: called on the thread that calls `text`; can wait for a loop.
    package init(
        version: String, interface: String, desk: ReloadDesk, figures: @escaping @Sendable () -> ServerFigures
    ) {
        self.version = version
        self.interface = interface
        self.desk = desk
        self.figures = figures
    }

    /// The metrics now. Call it from any thread that is not a loop's. If a loop does not answer in time, families that
    /// loops count have no samples: a sample that is missing does less harm than a counter that falls.
    package func text() -> [UInt8] { Array(Self.text(figures(), desk.record, version, interface).utf8) }

    static func text(
        _ figures: ServerFigures, _ record: ReloadDesk.Record, _ version: String, _ interface: String
    ) -> String {
        var text = MetricsText()
        let totals = ProducerTotals.all(figures.runtime)
        text.addStreams(figures.runtime, totals)
        text.addDeliveries(figures.runtime, totals)
        text.addRefusals(figures)
        text.addPlugins(figures, record, totals)
        text.addProcess(figures, version, interface)
        return text.text
    }
}

extension ProducerName {
    var labels: MetricsText.Labels { [("plugin", plugin), ("producer", producer)] }
}
