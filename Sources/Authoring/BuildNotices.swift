import CommandOutput
import Glibc

/// Reports the results of builds: on the terminal, and as an event to the pages that are subscribed to the plugin.
package struct BuildNotices: Sendable {
    /// The plugin and the routes that a file serves.
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
    ///   - served: returns what a file serves; `nil`: nothing.
    ///   - announce: sends a frame to all subscribers of a plugin.
    package init(
        served: @escaping @Sendable (_ file: String) -> Served?,
        announce: @escaping @Sendable (_ frame: [UInt8], _ plugin: String) -> Void
    ) {
        self.served = served
        self.announce = announce
    }

    /// Announces a build that takes long.
    package func begin(_ label: String) { writeFully("\(label): building …\n", to: STDOUT_FILENO) }

    package func tell(_ report: Development.Report) {
        let served = served(report.file)
        // The subscribers come first: a page that is opened after the line on the terminal then gets later builds only.
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
