import Control
import Logging
import Settings
import StreamRuntime

extension ReloadOutcome {
    init(_ report: Reloader.Report, _ change: SettingsChange) {
        self.init(
            loaded: report.loaded, replaced: report.replaced, removed: report.removed, renamed: report.renamed,
            unchanged: report.unchanged, refusals: report.refusals, changedSettings: change.changed,
            fixedSettings: change.fixed)
    }
}

extension Reloader.Report {
    /// How many plugins of each kind, for the log.
    var counts: Logger.Metadata {
        [
            "loaded": .stringConvertible(loaded.count), "replaced": .stringConvertible(replaced.count),
            "removed": .stringConvertible(removed.count), "unchanged": .stringConvertible(unchanged),
            "refused": .stringConvertible(refusals.count),
        ]
    }
}
