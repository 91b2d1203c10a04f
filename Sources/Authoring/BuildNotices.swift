import CommandOutput
import Glibc

/// Tells what became of a plugin's sources: on the terminal, and as an event to the pages that listen to the plugin.
package struct BuildNotices: Sendable {
    /// What serves from a plugin's file.
    package struct Served: Sendable, Equatable {
        let plugin: String
        let routes: [String]

        package init(plugin: String, routes: [String]) {
            self.plugin = plugin
            self.routes = routes
        }
    }

    private let served: @Sendable (_ file: String) -> Served?
    private let announce: @Sendable (_ frame: [UInt8], _ plugin: String) -> Void

    /// - Parameters:
    ///   - served: what serves from a file; `nil`: nothing does.
    ///   - announce: sends a frame to everybody who listens to a plugin.
    package init(
        served: @escaping @Sendable (_ file: String) -> Served?,
        announce: @escaping @Sendable (_ frame: [UInt8], _ plugin: String) -> Void
    ) {
        self.served = served
        self.announce = announce
    }

    /// Said of a build that takes its time.
    package func begin(_ label: String) { writeFully("\(label): building …\n", to: STDOUT_FILENO) }

    package func tell(_ report: Development.Report) {
        let served = served(report.file)
        // Those who listen come first: whoever reads the terminal, and subscribes then, is told of the builds after
        // this one.
        if let served {
            announce(
                BuildEvent(file: report.label, isBuilt: report.isBuilt, text: report.text).frame, served.plugin)
        }
        let seconds = "\(report.milliseconds / 1000).\(report.milliseconds % 1000 / 100) s"
        writeFully(report.text, to: STDERR_FILENO)
        if report.isBuilt {
            let routes = (served?.routes ?? []).joined(separator: " ")
            writeFully("\(report.label): built in \(seconds), serves \(routes)\n", to: STDOUT_FILENO)
        } else {
            let old = served == nil ? "it is not served" : "the old version keeps serving"
            writeFully("\(report.label): not built (\(seconds)); \(old)\n", to: STDERR_FILENO)
        }
    }
}
