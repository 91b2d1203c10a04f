import CommandOutput
import Files
import FrontDoor
import Glibc
import Logging
import PluginDirectory
import Settings
import StreamRuntime

/// `sluice serve --check-config`.
extension ServingProcess {
    /// Loads everything as a server would, and ends without serving. What is wrong is in the log.
    /// - Returns: the exit status.
    mutating func checkConfiguration() throws -> Int32 {
        defer { writer.finish() }
        guard endAtOnceIfUrged(nil) else { throw CommandFailure("no thread can be started (ulimit -u?)") }
        let report: Reloader.Report
        do {
            report = try reloader.reload {}
        } catch {
            throw CommandFailure("\(error)")
        }
        let isComplete = warnOfSettings().isEmpty && groupsExist
        let counted = { (count: Int, thing: String) in "\(count) \(thing)\(count == 1 ? "" : "s")" }
        let file = settings.configurationPath.map { "\($0) is valid; " } ?? ""
        let refused = report.refusals.isEmpty ? "" : ", \(report.refusals.count) refused"
        let found = "\(counted(report.loaded.count, "plugin")), \(counted(reloader.entries.count, "route"))"
        let text = "\(file)\(settings.plugins): \(found)\(refused)\n"
        writeFully(text, to: STDOUT_FILENO)
        return report.refusals.isEmpty && !reloader.entries.isEmpty && isComplete ? 0 : 1
    }

    private var groupsExist: Bool {
        let missing = settings.listen.compactMap(\.group).filter { !SocketFile.exists(group: $0) }
        for group in missing { logger.error("listen: there is no group \(group)") }
        return missing.isEmpty
    }
}
