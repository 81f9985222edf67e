# nginx's configure sources this file when it has written the makefile: the
# connections page goes into the module, so that a gateway is one file.

oauth_page="$ngx_addon_dir/dashboard/index.html
            $ngx_addon_dir/dashboard/page.css
            $ngx_addon_dir/dashboard/page.js"
oauth_page=`echo $oauth_page`
oauth_data=$NGX_OBJS/ngx_http_oauth_page_data.h

cat << END                                                    >> $NGX_MAKEFILE

$NGX_OBJS/addon/ngx_module/ngx_http_oauth_page.o:	$oauth_data

$oauth_data:	$ngx_addon_dir/util/embed $oauth_page
	$ngx_addon_dir/util/embed ngx_http_oauth $oauth_page >\$@.new
	mv \$@.new \$@

END
